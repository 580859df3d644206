"""Checks of a row's folder that are more than a file's being there."""

import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.everyday.changes import read_json
from benchmarks.everyday.row import ID, PREPROCESSED, RAW
from nnunetv2_muduo.data.raw_images import find_unlabeled

Check = Callable[[Path], None]
MOST_LISTING_S = 20
SPAWNED = f"""\
import multiprocessing
import sys

from nnunetv2.run.run_training import run_training_entry

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    sys.argv = "nnUNetv2_train {ID} 3d_fullres 0 -tr nnUNetTrainerMuDuo -device cpu".split()
    run_training_entry()
"""


def says(log_folder: str, words: str) -> Check:
    """One of the training's logs holds words."""

    def check(folder: Path) -> None:
        logs = sorted((folder / log_folder).glob("training_log*.txt"))
        if not any(words in log.read_text(encoding="utf-8") for log in logs):
            raise AssertionError(f"none of {len(logs)} logs in {log_folder} says: {words}")

    return check


def is_gone(pattern: str) -> Check:
    """No file matches."""

    def check(folder: Path) -> None:
        if there := sorted(path.name for path in folder.glob(pattern)):
            raise AssertionError(f"should not be there: {', '.join(there)}")

    return check


def loads_without_code(name: str) -> Check:
    """The exported checkpoints hold tensors and plain values alone."""

    def check(folder: Path) -> None:
        with zipfile.ZipFile(folder / name) as archive:
            checkpoints = [member for member in archive.namelist() if member.endswith(".pth")]
            for member in checkpoints:
                with archive.open(member) as file:
                    torch.load(file, map_location="cpu", weights_only=True)
        if not checkpoints:
            raise AssertionError(f"{name} holds no checkpoint")

    return check


def learned(checkpoint: str, **expected) -> Check:
    """Entries of a checkpoint of ours have the expected values."""

    def check(folder: Path) -> None:
        found = torch.load(folder / checkpoint, map_location="cpu", weights_only=False)
        for key, value in expected.items():
            if found[key] != value:
                raise AssertionError(f"{key} of {checkpoint} is {found[key]}, not {value}")

    return check


def all_are_prepared(folder: Path) -> None:
    """Every unlabeled case has its record; none was left out."""
    cases = find_unlabeled(folder / RAW, read_json(folder / RAW / "dataset.json")["file_ending"])
    prepared = folder / PREPROCESSED / "nnUNetPlans_3d_fullres_unlabeled"
    if missing := [case for case in cases if not (prepared / f"{case}.json").is_file()]:
        raise AssertionError(f"not prepared: {', '.join(missing)}")


def lists_quickly(n_cases: int) -> Check:
    """All unlabeled cases are found, in a time that nobody notices at the start of a training."""

    def check(folder: Path) -> None:
        started = time.process_time()
        found = len(find_unlabeled(folder / RAW, ".nii.gz"))
        taken_s = time.process_time() - started
        if found != n_cases or taken_s > MOST_LISTING_S:
            raise AssertionError(f"{found} of {n_cases} unlabeled cases found in {taken_s:.0f} s")

    return check


def train_with_spawned_workers(folder: Path) -> None:
    """Train as on macOS and Windows, where worker processes import everything anew."""
    script = folder / "spawned.py"
    script.write_text(SPAWNED, encoding="utf-8")
    with (folder / "steps" / "spawned.log").open("w", encoding="utf-8") as log:
        subprocess.run([sys.executable, script], stdout=log, stderr=subprocess.STDOUT, check=True)
