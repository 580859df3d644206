"""Leakage between the sets of a data set, as `muduo check` finds it, for the logs of preparation and training."""

from contextlib import suppress
from pathlib import Path

from nnunetv2_muduo.check.copies import check_copies
from nnunetv2_muduo.check.dataset import check_doubles, check_patients
from nnunetv2_muduo.check.findings import PROBLEM
from nnunetv2_muduo.check.raw_dataset import RawDataset


def leaks(raw_dataset: Path, fold: int | str, plans_name: str, with_images: bool) -> list[str]:
    """Cases, scans and patients that are in two sets of a fold, in the words of `muduo check`.

    None where there is no raw data set to look at.

    Args:
        plans_name: of the plans that say what reads the images.
        with_images: compare images of different names too, which reads some of every file.
    """
    if not (raw_dataset / "dataset.json").is_file():
        return []
    dataset, findings = RawDataset(raw_dataset, fold, plans_name), []
    for check in (check_doubles, *([check_copies] if with_images else []), check_patients):
        with suppress(ValueError, OSError, RuntimeError):  # what can't be read is said where it is needed
            findings.append(check(dataset))
    return [f"{one.subject}: {one.found}" for one in findings if one.status == PROBLEM]
