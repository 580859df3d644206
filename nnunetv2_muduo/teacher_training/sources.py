"""Labeled scans of nnU-Net's raw data sets and of cohorts in AutoPET's layout."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_muduo.conversion.layouts import find_tree_cases
from nnunetv2_muduo.conversion.record import known_patients
from nnunetv2_muduo.data.raw_images import find_labeled
from nnunetv2_muduo.imageio.modalities import MODALITIES, Modality, modality_of
from nnunetv2_muduo.user_files import DATASET_FIELDS, read_dataset_json, read_user_json


@dataclass(frozen=True)
class LabeledScan:
    """One image of one case, with its labels."""

    name: str
    patient: str
    """Cases of one patient are held out together; the case's own name where nothing is known."""
    image: Path
    label: Path
    organs: dict[int, str]
    """Names of the label values; empty where the source gives none, then all values are organs."""


def find_scans(data: str, modality: str) -> list[LabeledScan]:
    """All labeled scans of a dataset, sorted by name.

    Args:
        data: id or name of a dataset in $nnUNet_raw, its folder or its preprocessed folder, or a folder in AutoPET's layout
            (patient/study/SUV.nii.gz ...).
        modality: "ct" or "pet".

    Raises:
        FileNotFoundError: no such dataset, no labeled scans in it, or preprocessed data without their raw dataset.
        ValueError: no channel of the modality, or more than one.
    """
    folder = _raw_folder(_folder(data))
    scans = _nnunet_scans(folder, modality) if _is_of_nnunet(folder) else _tree_scans(folder, modality)
    if not scans:
        raise FileNotFoundError(
            f"No labeled {modality.upper()} in {folder}. Expected nnU-Net's imagesTr and labelsTr, or AutoPET's "
            "<patient>/<study>/ with CTres.nii.gz or SUV.nii.gz, and SEG.nii.gz."
        )
    return sorted(scans, key=lambda scan: scan.name)


def _folder(data: str) -> Path:
    folder = Path(data).expanduser()
    if folder.is_dir():
        return folder.resolve()
    raw = os.environ.get("nnUNet_raw")
    matches = sorted(f for f in Path(raw).glob("*") if _is_called(f, data)) if raw else []
    if len(matches) != 1:
        raise FileNotFoundError(
            f"No dataset {data} {_where(raw)} and no such folder: found {[m.name for m in matches]}"
        )
    return matches[0]


def _is_called(dataset: Path, data: str) -> bool:
    return dataset.name == data or (data.isdecimal() and dataset.name.startswith(f"Dataset{int(data):03d}_"))


def _raw_folder(folder: Path) -> Path:
    """The folder itself; for a preprocessed dataset, whose intensities are no longer HU or SUV, the raw one it was made of."""
    if not (list(folder.glob("*Plans*.json")) or (folder / "gt_segmentations").is_dir()):
        return folder
    raw = os.environ.get("nnUNet_raw")
    if not raw or not (Path(raw) / folder.name).is_dir():
        raise FileNotFoundError(
            f"{folder} is a preprocessed dataset: its intensities are normalized, and a teacher needs HU or SUV. "
            f"The raw dataset it was made of is not there {_where(raw)}."
        )
    print(f"{folder} is normalized; its cases are read in HU or SUV from {Path(raw) / folder.name}.")
    return Path(raw) / folder.name


def _where(raw: str | None) -> str:
    return f"in nnUNet_raw={raw}" if raw else "(nnUNet_raw is not set)"


def _is_of_nnunet(folder: Path) -> bool:
    """Whether there is imagesTr, or a dataset.json whose field `dataset` lists images that lie elsewhere."""
    description = folder / "dataset.json"
    return (folder / "imagesTr").is_dir() or (description.is_file() and "dataset" in read_user_json(description))


def _nnunet_scans(folder: Path, modality: str) -> list[LabeledScan]:
    if not (folder / "dataset.json").is_file():
        raise FileNotFoundError(f"{folder / 'dataset.json'} is missing: it says which channel is {modality.upper()}.")
    dataset_json = read_dataset_json(folder / "dataset.json", *DATASET_FIELDS)
    channel = _channel(dataset_json["channel_names"], modality, folder)
    organs = _organs(dataset_json["labels"], folder / "dataset.json")
    files = find_labeled(folder, dataset_json)
    _require_files(files, len(dataset_json["channel_names"]), folder)
    patients = known_patients(folder, set(files))
    if len(patients) < len(files):
        print(
            f"{folder}: the patients of {len(files) - len(patients)} cases are unknown; each counts as a patient of its own, so "
            "that one patient's scans may be learned from and held out. `muduo convert --patient-regex` records them."
        )
    return [
        LabeledScan(name, patients.get(name, name), images[channel], label, organs)
        for name, (images, label) in files.items()
    ]


def _require_files(files: dict[str, tuple[list[Path], Path]], n_channels: int, folder: Path) -> None:
    for name, (images, label) in files.items():
        missing = [str(path) for path in (*images, label) if not path.is_file()]
        if missing or len(images) != n_channels:
            what = f"{missing[0]} is missing" if missing else f"it has {len(images)} images, not {n_channels}"
            raise FileNotFoundError(f"Case {name} of {folder}: {what}. Correct the files, or dataset.json.")


def _channel(channel_names: dict[str, str], modality: str, folder: Path) -> int:
    wanted = MODALITIES[modality]
    matches = [int(number) for number, name in channel_names.items() if _shows(name, wanted)]
    if len(matches) != 1:
        raise ValueError(
            f"{folder / 'dataset.json'}: channel_names {channel_names} must have one {modality.upper()} channel"
        )
    return matches[0]


def _shows(channel_name: str, modality: Modality) -> bool:
    """By the name that nnU-Net knows, or by a word in it: "CT (HU)", "SUV"."""
    words = {modality.key, modality.unit.lower()} & set(re.split(r"[^a-z]+", channel_name.lower()))
    return modality_of(channel_name) is modality or bool(words)


def _organs(labels: dict[str, int | list[int]], path: Path) -> dict[int, str]:
    regions = [name for name, value in labels.items() if not isinstance(value, int)]
    if regions:
        raise ValueError(f"{path}: labels {regions} are regions; a teacher learns from label values only")
    return {value: name for name, value in labels.items() if value != 0 and name != "ignore"}


def _tree_scans(folder: Path, modality: str) -> list[LabeledScan]:
    labels_file = folder / "labels.json"
    organs = _organs(read_user_json(labels_file), labels_file) if labels_file.is_file() else {}
    cases = ((case, case.ct if modality == "ct" else case.pet) for case in find_tree_cases(folder))
    return [
        LabeledScan(case.case_id, case.patient_key, image.path, case.label.path, organs)
        for case, image in cases
        if image and case.label and not case.problem
    ]
