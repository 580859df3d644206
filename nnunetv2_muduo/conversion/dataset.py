"""Folder of a data set: whether it is ours, and the files that nnU-Net needs beside images and label maps."""

import os
import shutil
from pathlib import Path

from nnunetv2_muduo.conversion.partial_files import PARTIAL_FOLDER, partial_file
from nnunetv2_muduo.conversion.record import Record
from nnunetv2_muduo.conversion.split import LABELED, SETS, VAL
from nnunetv2_muduo.storage import write_json
from nnunetv2_muduo.user_files import read_splits

SPLITS_FILE = "splits_final.json"


def dataset_folder(dataset_id: int, dataset_name: str) -> Path:
    """Folder of the dataset below $nnUNet_raw. Raises RuntimeError where the id belongs to another dataset."""
    if not os.environ.get("nnUNet_raw"):
        raise RuntimeError(
            "nnUNet_raw is not set. Export the folder of nnU-Net's raw datasets: export nnUNet_raw=/path"
        )
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        for other in Path(os.environ.get(variable) or os.devnull).glob(f"Dataset{dataset_id:03d}_*"):
            if other.name != dataset_name:
                raise RuntimeError(f"Id {dataset_id} belongs to {other}. Choose another -d, or its --name.")
    return Path(os.environ["nnUNet_raw"]) / dataset_name


def require_own_folder(record: Record, settings: dict) -> None:
    """Raises RuntimeError where the folder holds another dataset, ValueError where it was made with other settings."""
    folder = record.dataset
    if not record.exists and folder.exists() and any(path.name != PARTIAL_FOLDER for path in folder.iterdir()):
        raise RuntimeError(f"{folder} holds a dataset that `muduo convert` didn't make. Choose another -d or --name.")
    if record.settings and record.settings != settings:
        raise ValueError(f"{folder} was made with {record.settings}, not {settings}. Choose another -d, or the same.")


def require_same_names(record: Record, key_id: str | None) -> None:
    """Raises ValueError where cases of a folder have their own names and new ones would have pseudonyms, or the reverse.

    Args:
        key_id: of the key of the new cases' pseudonyms, None where they would have their own names.
    """
    if not record.exists or record.key_id == key_id:
        return
    if key_id is None:
        raise ValueError(f"{record.dataset} was made with --pseudonyms. Give the same key, or choose another -d.")
    found = "by another key" if record.key_id else "by their own names"
    raise ValueError(f"{record.dataset} calls its cases {found}, which can't be mixed. Choose another -d.")


def make_folder(folder: Path) -> None:
    """Make the folder ready for writing; what a killed call left half-written goes."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / PARTIAL_FOLDER, ignore_errors=True)


def write_dataset_files(record: Record, name: str) -> dict[str, str]:
    """Write dataset.json and the split; returns {} or what is wrong with an existing split of nnU-Net's."""
    members = {one: sorted(i for i, entry in record.cases.items() if entry["set"] == one) for one in SETS}
    dataset_json = {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": record.labels,
        "numTraining": len(members[LABELED]) + len(members[VAL]),
        "file_ending": ".nii.gz",
        "name": name,
    }
    splits = [{"train": members[LABELED], "val": members[VAL] or members[LABELED]}]
    for name_of_file, content in (("dataset.json", dataset_json), (SPLITS_FILE, splits)):
        write_json(content, record.dataset / name_of_file, partial_file(record.dataset, name_of_file))
    return _write_preprocessed_splits(record.dataset.name, splits)


def _write_preprocessed_splits(dataset_name: str, splits: list[dict]) -> dict[str, str]:
    if not os.environ.get("nnUNet_preprocessed"):
        return {}
    folder = Path(os.environ["nnUNet_preprocessed"]) / dataset_name
    existing = folder / SPLITS_FILE
    if existing.exists():
        if read_splits(existing) != splits:
            return {
                str(existing): f"another split is already there and was left; training needs that of {dataset_name}"
            }
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(splits, existing)
    return {}
