"""Lists of a raw data set: channels, cases, files, split and patients, with one thing after the other broken."""

import shutil
from pathlib import Path

import pytest
from fixtures.check import assert_named, change_json, put_in_one_patient, say_patient, write_split
from nnunetv2.utilities.utils import get_identifiers_from_splitted_dataset_folder
from support import DATASET, write_raw_dataset

from nnunetv2_muduo.check.dataset import RawDataset
from nnunetv2_muduo.check.findings import OK, PROBLEM, WARNING


def put_in_imagesun(dataset: Path) -> None:
    for path in (dataset / "imagesTr").glob("labeled_4_*"):
        shutil.copy(path, dataset / "imagesUn" / path.name)
    say_patient(dataset, "labeled_4", None)  # the name alone gives it away


BREAKAGES = {
    "swapped": ("channels", lambda d: change_json(d / "dataset.json", channel_names={"0": "PET", "1": "CT"}), "needed"),
    "double": ("doubles", put_in_imagesun, "imagesTr and imagesUn share 1: labeled_4"),
    "channels": ("channels", lambda d: change_json(d / "dataset.json", channel_names={"0": "CT", "1": "CT"}), "CT"),
    "count": ("cases", lambda d: change_json(d / "dataset.json", numTraining=9), "imagesTr holds 5"),
    "no-unlabeled": ("cases", lambda d: shutil.rmtree(d / "imagesUn"), "imagesUn is empty"),
    "no-channel": ("files", lambda d: (d / "imagesUn" / "unlabeled_1_0001.nii.gz").unlink(), "unlabeled_1_0001"),
    "no-label": ("files", lambda d: (d / "labelsTr" / "labeled_1.nii.gz").unlink(), "labeled_1.nii.gz"),
    "split": ("split", lambda d: write_split(d.parents[1], ["labeled_0"], ["gone"]), "gone"),
    "leak": ("patients", put_in_one_patient, "val and unlabeled share 1: patient of labeled_4"),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_what_is_broken_is_named(dataset, check, name):
    subject, damage, words = BREAKAGES[name]
    damage(dataset)
    assert_named(check, subject, words)


def test_a_case_that_trains_and_validates_is_named(dataset, check):
    write_split(dataset.parents[1], ["labeled_0", "labeled_1"], ["labeled_1", "labeled_2"])
    exit_code, found = check()
    assert exit_code == 1
    assert "labeled and val share 1: labeled_1" in found["doubles"][1]


def test_unknown_patients_do_not_hide_known_ones(dataset, check):
    for case in ("unlabeled_3", "labeled_2"):
        say_patient(dataset, case, None)
    exit_code, found = check()
    assert exit_code == 0
    assert found["patients"][0] == WARNING
    assert "of 2 cases unknown (labeled_2, unlabeled_3), so leakage can't be excluded" in found["patients"][1]
    assert "in one set each" not in found["patients"][1]
    put_in_one_patient(dataset)
    exit_code, found = check()
    assert exit_code == 1
    assert found["patients"][0] == PROBLEM
    assert "val and unlabeled share 1: patient of labeled_4" in found["patients"][1]
    assert "of 2 cases unknown" in found["patients"][1]


def test_links_that_lead_nowhere_are_named(dataset, check):
    path = dataset / "imagesUn" / "unlabeled_2_0001.nii.gz"
    path.rename(dataset / "elsewhere.nii.gz")
    path.symlink_to(dataset / "gone.nii.gz")
    assert "unlabeled_2_0001.nii.gz" in check()[1]["files"][1]


def leave_files_of_macos(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        path.with_name(f"._{path.name}").write_bytes(b"\0\x05\x16\x07")
    (folder / ".DS_Store").write_bytes(b"Bud1")


def test_what_nnunet_would_take_for_cases_is_a_warning(dataset, check):
    leave_files_of_macos(dataset / "imagesTr")
    assert "._labeled_0" in get_identifiers_from_splitted_dataset_folder(str(dataset / "imagesTr"), ".nii.gz")
    exit_code, found = check()
    assert exit_code == 0
    assert "3 labeled, 2 val, 4 unlabeled, 0 test" in found["cases"][1]
    assert found["files"][0] == WARNING
    assert "nnU-Net takes 10 files of macOS for cases (._labeled_0_0000.nii.gz" in found["files"][1]


def test_val_equal_to_labeled_is_a_warning(dataset, check):
    write_split(dataset.parents[1], ["labeled_0", "labeled_1"], ["labeled_0", "labeled_1"])
    exit_code, found = check()
    assert exit_code == 0
    assert found["split"][0] == WARNING
    assert found["patients"][0] == OK


def test_patients_are_known_by_autopets_names(tmp_path):
    write_raw_dataset(tmp_path / DATASET, n_labeled=1, n_unlabeled=0)
    for path in (tmp_path / DATASET).glob("*/labeled_0*"):
        path.rename(path.with_name(path.name.replace("labeled_0", "fdg_0a0b_2003-a")))
    assert RawDataset(tmp_path / DATASET).patients == {"fdg_0a0b_2003-a": "0a0b"}


def test_names_and_the_record_know_one_patient_by_one_key(dataset, check):
    """A study that was put in by hand, beside studies that `muduo convert` named."""
    for path in (dataset / "imagesUn").glob("unlabeled_0_*"):
        path.rename(path.with_name(path.name.replace("unlabeled_0", "petct_0a0b_2004-a")))
    say_patient(dataset, "labeled_4", "0a0b")
    exit_code, found = check()
    assert exit_code == 1
    assert "val and unlabeled share 1: 0a0b" in found["patients"][1]


def test_a_method_without_teachers_takes_any_channel(dataset, check):
    for folder in ("imagesTr", "imagesUn"):
        for file in (dataset / folder).glob("*_0000.nii.gz"):
            file.unlink()
        for file in (dataset / folder).glob("*_0001.nii.gz"):
            file.rename(file.with_name(file.name.replace("_0001", "_0000")))
    change_json(dataset / "dataset.json", channel_names={"0": "MRI"})
    exit_code, found = check("-tr", "nnUNetTrainerMeanTeacher")
    assert exit_code == 0
    assert "MRI" in found["values"][1]
    exit_code, found = check()
    assert exit_code == 1
    assert found["channels"][0] == PROBLEM


def test_supervised_training_needs_no_unlabeled_case(dataset, check):
    shutil.rmtree(dataset / "imagesUn")
    assert check("-tr", "nnUNetTrainerMuDuo_Supervised")[0] == 0
    exit_code, found = check("-tr", "nnUNetTrainerMeanTeacher")
    assert exit_code == 1
    assert "imagesUn is empty" in found["cases"][1]


@pytest.mark.parametrize("name", ["patient9.nii.gz", "case_CT.nii.gz", "case_0000 (1).nii.gz", "case_0000.NII.GZ"])
@pytest.mark.parametrize("folder", ["imagesTr", "imagesUn"])
def test_files_that_no_case_has_are_named_as_they_are(dataset, check, folder, name):
    shutil.copy(dataset / "imagesUn" / "unlabeled_1_0001.nii.gz", dataset / folder / name)
    assert_named(check, "files", f"in the name of {name}: name files CASE_0000.nii.gz (CT)")


def test_what_macos_leaves_is_no_case(dataset, check, monkeypatch):
    disk = shutil.disk_usage(dataset)  # other programs write there, too
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    good = check()
    for folder in ("imagesUn", "labelsTr"):
        leave_files_of_macos(dataset / folder)
    assert check() == good
