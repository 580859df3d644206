"""PET/CT cases of a folder, in the NIfTI layouts in which AutoPET is handed out.

* A tree `patient/study/{CT,CTres,PET,SUV,SEG}.nii.gz` (AutoPET I and II), or with the files in the patient's folder.
* nnU-Net's own layout `imagesTr/<case>_0000.nii.gz` CT, `_0001.nii.gz` PET, `labelsTr/<case>.nii.gz` (AutoPET III, IV).
"""

import os
import re
from pathlib import Path

from nnunetv2_muduo.conversion.cases import AUTOPET_NAME, Case, split_autopet_name
from nnunetv2_muduo.imageio.nifti import NIFTI_ENDINGS, NiftiFile, nifti_stem

TREE_IMAGES = ("CT", "CTres", "PET", "SUV")


def find_cases(source: Path, patient_regex: str = "") -> list[Case]:
    """All PET/CT cases below `source`, sorted by name, each with the label map its layout gives it, if any.

    The first group of `patient_regex` is the patient in names of nnU-Net's layout that are not AutoPET's. Raises
    FileNotFoundError where there is no such folder or nothing in it that is known, ValueError where the layout has no use
    for `patient_regex`.
    """
    if not source.is_dir():
        raise FileNotFoundError(f"No folder {source}. Give the folder that holds the patients, or imagesTr.")
    is_tree = not (source / "imagesTr").is_dir()
    if is_tree and patient_regex:
        raise ValueError(f"--patient-regex is for imagesTr; in the tree {source}, a patient is a folder with studies.")
    cases = find_tree_cases(source) if is_tree else find_nnunet_cases(source, patient_regex)
    if not cases:
        raise FileNotFoundError(
            f"No PET/CT found below {source}: neither <patient>/<study>/SUV.nii.gz with CTres.nii.gz or CT.nii.gz, "
            "nor imagesTr/<case>_0000.nii.gz. For DICOM use `muduo convert dicom`."
        )
    return sorted(cases, key=lambda case: case.case_id)


def find_tree_cases(source: Path) -> list[Case]:
    """Cases of a tree of folders, one per folder that holds at least one of CT, CTres, PET and SUV."""
    return [_tree_case(Path(folder), source, files) for folder, files in walk_studies(source, TREE_IMAGES)]


def walk_studies(source: Path, stems: tuple[str, ...]):
    """(folder, {stem: paths}) of every folder below `source` that holds NIfTI files of the given stems."""
    for folder, folder_names, file_names in os.walk(source, followlinks=True):
        folder_names.sort()
        files: dict[str, list[Path]] = {}
        for name in sorted(file_names):
            if name.endswith(NIFTI_ENDINGS):
                files.setdefault(nifti_stem(name), []).append(Path(folder, name))
        if any(stem in files for stem in stems):
            yield folder, files


def patient_and_study(folder: Path, source: Path) -> tuple[str, str]:
    """Patient and study of a study's folder: a part named PETCT_<hex>, else the first part, is the patient."""
    parts = folder.relative_to(source).parts or (source.name,)
    start = next((i for i, part in enumerate(parts) if AUTOPET_NAME.match(part)), 0)
    return parts[start], "/".join(parts[start + 1 :])


def _tree_case(folder: Path, source: Path, files: dict[str, list[Path]]) -> Case:
    patient, study = patient_and_study(folder, source)
    ct_stem = "CTres" if "CTres" in files else "CT"
    return Case(
        patient=patient,
        study=study,
        ct=_first(files, ct_stem),
        pet=_first(files, "SUV"),
        label=_first(files, "SEG"),
        ct_may_be_resampled=ct_stem == "CT",
        problem=_tree_problem(folder, files, ct_stem),
    )


def _first(files: dict[str, list[Path]], stem: str) -> NiftiFile | None:
    return NiftiFile(files[stem][0]) if stem in files else None


def _tree_problem(folder: Path, files: dict[str, list[Path]], ct_stem: str) -> str:
    if ct_stem not in files:
        return f"{folder}: a PET without its CT (no CTres.nii.gz and no CT.nii.gz)"
    if "SUV" not in files:
        hint = "; PET.nii.gz is in Bq/ml, use the DICOM series to get SUV" if "PET" in files else ""
        return f"{folder}: a CT without its PET in SUV (no SUV.nii.gz{hint})"
    for stem in (ct_stem, "SUV", "SEG"):
        if len(files.get(stem, ())) > 1:
            return f"{folder}: {len(files[stem])} files for one {stem}: {', '.join(path.name for path in files[stem])}"
    return ""


def find_nnunet_cases(source: Path, patient_regex: str = "") -> list[Case]:
    """Cases of a folder in nnU-Net's layout: channel 0 the CT on the PET's grid, channel 1 the PET in SUV."""
    channels: dict[str, dict[str, Path]] = {}
    for path in sorted((source / "imagesTr").iterdir()):
        name, _, channel = nifti_stem(path.name).rpartition("_")
        if path.name.endswith(NIFTI_ENDINGS) and name:
            channels.setdefault(name, {})[channel] = path
    return [_nnunet_case(source, name, files, patient_regex) for name, files in channels.items()]


def _nnunet_case(source: Path, name: str, files: dict[str, Path], patient_regex: str) -> Case:
    autopet_name = split_autopet_name(name)
    patient, study = autopet_name or (_patient_in(name, patient_regex), "")
    labels = (source / "labelsTr" / f"{name}{ending}" for ending in NIFTI_ENDINGS)
    label = next(filter(os.path.lexists, labels), None)  # a link that leads nowhere is refused later, not passed over
    ct, pet = (NiftiFile(files[channel]) if channel in files else None for channel in ("0000", "0001"))
    problem = ""
    if set(files) != {"0000", "0001"}:
        problem = f"{source / 'imagesTr' / name}: channels 0000 (CT) and 0001 (PET) expected, found {sorted(files)}"
    label = NiftiFile(label) if label else None
    return Case(patient, study, ct, pet, label, problem=problem, name="" if autopet_name else name)


def _patient_in(name: str, patient_regex: str) -> str | None:
    match = re.search(patient_regex, name) if patient_regex else None
    return match.group(1) or None if match else None
