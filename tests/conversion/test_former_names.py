"""Imports of `nnunetv2_muduo.dataset_conversion`, the name of the conversion until 0.1.0."""

import importlib
import subprocess
import sys

import pytest

FORMER = "nnunetv2_muduo.dataset_conversion"
NAMES = {  # of former modules: (present module, names in both)
    "Dataset705_AutoPETOrgan": ("conversion.sources", ["convert_autopet_organ"]),
    "Dataset706_AutoPETTumor": ("conversion.sources", ["convert_autopet_tumor"]),
    "Dataset707_OwnDicomPETCT": ("conversion.sources", ["convert_dicom"]),
    "cases": ("conversion.cases", ["Case", "match_key", "patient_key", "safe_name", "split_autopet_name"]),
    "check": ("conversion.case_check", ["check_case", "label_statistics", "whole_numbers"]),
    "command": ("cli.convert", ["add_arguments", "run", "run_alone", "options_from"]),
    "convert": ("conversion.convert", ["Options", "convert_cases", "check_all"]),
    "dataset": ("conversion.dataset", ["dataset_folder", "write_dataset_files"]),
    "dicom": ("conversion.dicom", ["DicomSeries", "PetSeries", "read_pet_suv"]),
    "dicom_seg": ("conversion.dicom_seg", ["SegFile", "label_map"]),
    "dicom_tree": ("conversion.dicom_tree", ["Wanted", "find_dicom_cases", "study_name"]),
    "geometry": ("imageio.grid", ["Grid", "is_same_grid", "is_same_lattice", "overlap_fraction", "put_on_grid"]),
    "label_maps": ("conversion.label_maps", ["LabelMaps", "attach_labels", "find_label_maps"]),
    "label_names": ("conversion.label_names", ["LabelScheme", "guess_scheme", "read_scheme", "find_names_file"]),
    "layouts": ("conversion.layouts", ["find_cases", "find_tree_cases", "find_nnunet_cases", "walk_studies"]),
    "pool": ("parallel", ["n_cores"]),
    "record": ("conversion.record", ["Record", "known_patients"]),
    "report": ("conversion.report", ["Report", "side_lines"]),
    "sources": ("imageio.nifti", ["CaseRefused", "NiftiFile", "ZipMember", "nifti_stem"]),
    "split": ("conversion.split", ["SetSizes", "Candidate", "draw_sets", "shared_patients"]),
    "suv": ("conversion.suv", ["MissingTag", "Scaling", "suv_scaling", "injection_time"]),
    "write": ("conversion.write", ["write_case", "output_files", "needs_no_rewriting"]),
}


@pytest.mark.filterwarnings("ignore:nnunetv2_muduo.dataset_conversion:FutureWarning")
@pytest.mark.parametrize("module", NAMES)
def test_former_modules_hold_the_present_objects(module):
    present, names = NAMES[module]
    former, now = (importlib.import_module(name) for name in (f"{FORMER}.{module}", f"nnunetv2_muduo.{present}"))
    assert all(getattr(former, name) is getattr(now, name) for name in names)


@pytest.mark.filterwarnings("ignore:nnunetv2_muduo.dataset_conversion:FutureWarning")
def test_names_that_moved_alone():
    from nnunetv2_muduo.dataset_conversion.cases import CaseRefused
    from nnunetv2_muduo.dataset_conversion.check import file_stamps
    from nnunetv2_muduo.dataset_conversion.pool import map_cases

    from nnunetv2_muduo.conversion import case_check
    from nnunetv2_muduo.imageio import refusal
    from nnunetv2_muduo.parallel import map_jobs

    assert CaseRefused is refusal.CaseRefused
    assert map_cases is map_jobs
    assert file_stamps is case_check.case_stamps


def test_the_former_name_warns_once():
    lines = "".join(f"import {FORMER}.{module}\n" for module in NAMES)
    done = subprocess.run([sys.executable, "-W", "default", "-c", lines], capture_output=True, text=True, check=True)
    assert done.stderr.count("FutureWarning: nnunetv2_muduo.dataset_conversion is now nnunetv2_muduo.conversion") == 1
