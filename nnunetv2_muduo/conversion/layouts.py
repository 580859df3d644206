"""PET/CT cases of a folder, in the NIfTI layouts in which AutoPET is handed out.

* A tree `patient/study/{CT,CTres,PET,SUV,SEG}.nii.gz` (AutoPET I and II), or with the files in the patient's folder.
* nnU-Net's own layout `imagesTr/<case>_0000.nii.gz` CT, `_0001.nii.gz` PET, `labelsTr/<case>.nii.gz` (AutoPET III, IV).
"""

import re
from collections.abc import Iterable
from pathlib import Path

from nnunetv2_muduo.conversion.cases import AUTOPET_NAME, Case, split_autopet_name
from nnunetv2_muduo.conversion.folders import walk
from nnunetv2_muduo.conversion.linked_cases import without_links
from nnunetv2_muduo.imageio.image_files import is_of_macos
from nnunetv2_muduo.imageio.nifti import NiftiFile, is_nifti, nifti_stem

TREE_IMAGES = ("CT", "CTres", "PET", "SUV")
OTHER_ENDINGS = (".hdr", ".img", ".hdr.gz", ".img.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
"""Of images in other formats: pairs of files as of Analyze, and those of NRRD and MetaImage."""


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
            + _joined("nor imagesTr/<case>_0000.nii.gz. For DICOM use `muduo convert dicom`", any_other_format(source))
            + "."
        )
    return without_links(sorted(cases, key=lambda case: case.case_id))


def find_tree_cases(source: Path) -> list[Case]:
    """Cases of a tree of folders, one per folder that holds at least one of CT, CTres, PET and SUV."""
    return [_tree_case(folder, source, files) for folder, files in walk_studies(source, TREE_IMAGES)]


def walk_studies(source: Path, stems: tuple[str, ...]):
    """(folder, {stem: paths}) of every folder below `source` that holds NIfTI files of the given stems."""
    for folder, paths in walk(source):
        files = _by_stem(paths)
        if any(stem in files for stem in stems):
            yield folder, files


def _by_stem(paths: Iterable[Path]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for path in sorted(paths):
        if is_nifti(path.name) and not is_of_macos(path.name):
            files.setdefault(nifti_stem(path.name), []).append(path)
    return files


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
        remark="" if "SEG" in files else other_format(folder, "SEG"),
    )


def _first(files: dict[str, list[Path]], stem: str) -> NiftiFile | None:
    return NiftiFile(files[stem][0]) if stem in files else None


def _tree_problem(folder: Path, files: dict[str, list[Path]], ct_stem: str) -> str:
    if ct_stem not in files:
        problem = f"{folder}: a PET without its CT (no CTres.nii.gz and no CT.nii.gz)"
        return _joined(problem, other_format(folder, "CTres", "CT"))
    if "SUV" not in files:
        hint = "; PET.nii.gz is in Bq/ml, use the DICOM series to get SUV" if "PET" in files else ""
        problem = f"{folder}: a CT without its PET in SUV (no SUV.nii.gz{hint})"
        return _joined(problem, other_format(folder, "SUV"))
    return _several(folder, files, ct_stem, "SUV", "SEG")


def _several(folder: Path, files: dict[str, list[Path]], *names: str) -> str:
    """What is wrong where an image has several files."""
    for name in names:
        if len(files.get(name, ())) > 1:
            return f"{folder}: {len(files[name])} files for one {name}: {', '.join(path.name for path in files[name])}"
    return ""


def other_format(folder: Path, *stems: str) -> str:
    """Remark on the file that an image of one of these names has in another format than NIfTI; "" where it has none."""
    paths = (folder / f"{stem}{ending}" for stem in stems for ending in OTHER_ENDINGS)
    return next((_not_read(path) for path in paths if path.exists()), "")


def any_other_format(source: Path) -> str:
    """Remark on an image below `source` in another format than NIfTI; "" where there is none."""
    paths = (path for _, paths in walk(source) for path in paths)
    return next((_not_read(path) for path in paths if path.name.endswith(OTHER_ENDINGS)), "")


def _not_read(path: Path) -> str:
    return f"{path} is not read, since it is no single NIfTI file: save it as .nii.gz"


def _joined(*sentences: str) -> str:
    return ". ".join(filter(None, sentences))


def find_nnunet_cases(source: Path, patient_regex: str = "") -> list[Case]:
    """Cases of a folder in nnU-Net's layout: channel 0 the CT on the PET's grid, channel 1 the PET in SUV."""
    images, labels = (_by_stem((source / folder).glob("*")) for folder in ("imagesTr", "labelsTr"))
    channels: dict[str, dict[str, list[Path]]] = {}
    for stem, paths in images.items():
        name, _, channel = stem.rpartition("_")
        if name:
            channels.setdefault(name, {})[channel] = paths
    return [_nnunet_case(source, name, files, labels, patient_regex) for name, files in channels.items()]


def _nnunet_case(source: Path, name: str, files: dict, labels: dict, patient_regex: str) -> Case:
    autopet_name = split_autopet_name(name)
    patient, study = autopet_name or (_patient_in(name, patient_regex), "")
    return Case(
        patient=patient,
        study=study,
        ct=_first(files, "0000"),
        pet=_first(files, "0001"),
        label=_first(labels, name),
        problem=_nnunet_problem(source / "imagesTr", name, files) or _several(source / "labelsTr", labels, name),
        remark="" if name in labels else other_format(source / "labelsTr", name),
        name="" if autopet_name else name,
    )


def _nnunet_problem(folder: Path, name: str, files: dict[str, list[Path]]) -> str:
    if set(files) != {"0000", "0001"}:
        problem = f"{folder / name}: channels 0000 (CT) and 0001 (PET) expected, found {sorted(files)}"
        return _joined(problem, other_format(folder, f"{name}_0000", f"{name}_0001"))
    return _several(folder / name, files, "0000", "0001")


def _patient_in(name: str, patient_regex: str) -> str | None:
    match = re.search(patient_regex, name) if patient_regex else None
    return match.group(1) or None if match else None
