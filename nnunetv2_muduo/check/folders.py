"""Checks of nnU-Net's three folders, and of the files in them that a training reads."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nnunetv2_muduo.check.findings import Finding, finding
from nnunetv2_muduo.check.guard import guarded
from nnunetv2_muduo.check.raw_dataset import RawDataset
from nnunetv2_muduo.conversion.record import recorded_cases
from nnunetv2_muduo.storage import require_writable
from nnunetv2_muduo.user_files import read_description, read_plans, read_splits

FOLDERS = {
    "nnUNet_raw": "the folder of nnU-Net's raw datasets",
    "nnUNet_preprocessed": "a folder for preprocessed data",
    "nnUNet_results": "a folder for trained models",
}


def check_folders() -> Finding:
    """All three variables of nnU-Net must be set, and models must have a place where they can be written."""
    problems = [f"{name} is not set: export {name}=/path, {what}" for name, what in FOLDERS.items() if not _place(name)]
    raw, results = _place("nnUNet_raw"), _place("nnUNet_results")
    if raw and not raw.is_dir():
        problems.append(f"nnUNet_raw names {raw}, which is no folder")
    if results and (reason := _why_not_writable(results)):
        problems.append(f"nnUNet_results names {results}, which {reason}: name another place")
    return finding("folders", "raw, preprocessed, results" if not problems else "", problem="; ".join(problems))


def _place(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None


def _why_not_writable(folder: Path) -> str:
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        return f"can't be a folder, since {there} is a file"
    try:
        require_writable(there)
    except OSError as error:
        return f"can't be written ({error.strerror})"
    return ""


def check_files_of(dataset: RawDataset) -> list[Finding]:
    """A problem for each file beside dataset.json that is broken; those that are not there are other findings."""
    findings: list[Finding] = []
    for path, read in _readers(dataset):
        if path.is_file():
            findings += guarded(path.name, partial(_nothing_if_readable, read, path))
    return findings


def _readers(dataset: RawDataset) -> Iterator[tuple[Path, object]]:
    yield dataset.folder / "muduo_cases.json", lambda path: recorded_cases(path.parent)
    if dataset.preprocessed:
        yield dataset.preprocessed / "dataset.json", read_description
        yield dataset.preprocessed / "splits_final.json", read_splits
        yield dataset.plans_file, read_plans


def _nothing_if_readable(read, path: Path) -> list[Finding]:
    read(path)
    return []
