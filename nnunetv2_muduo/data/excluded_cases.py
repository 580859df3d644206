"""Unlabeled cases that can't be used: left out by name, as long as they are few.

A case whose images can't be read gets a record `CASE.unusable` in the folder of the prepared cases, with the reason and
with what the images were then: when they change, it is tried again.
"""

from collections.abc import Sequence
from pathlib import Path

from nnunetv2_muduo import storage
from nnunetv2_muduo.parallel import listed

SUFFIX = ".unusable"  # as 0.1.0 wrote it
MOST_PERCENT = 5


class ExcludedCase(ValueError):
    """The images of an unlabeled case can't be read or make no sense; the message names the file."""


def record_excluded(folder: Path, case: str, reason: str, plan: str, files: list[str]) -> None:
    """Record that a case can't be used with a plan (its digest) and these images."""
    stamps = [storage.file_stamp(Path(file), Path(file).name) for file in files]  # it may be that they can't be read
    storage.write_json({"reason": reason, "identity": [plan, stamps]}, folder / f"{case}{SUFFIX}")


def exclusion_reason(folder: Path, case: str, plan: str, files: list[str]) -> str | None:
    """Why a case can't be used with a plan and these images; None where nothing is known against it."""
    record = storage.read_json(folder / f"{case}{SUFFIX}")
    if record is None:
        return None
    tried_with, stamps = record["identity"]
    return record["reason"] if tried_with == plan and storage.is_unchanged(stamps, files) else None


def too_many(n_excluded: int, n_cases: int) -> bool:
    """True where more than 5 % of the cases can't be used."""
    return 100 * n_excluded > MOST_PERCENT * n_cases


def refuse_too_many(excluded: dict[str, str], cases: Sequence[str]) -> None:
    """Refuse to go on without so many cases.

    Raises:
        RuntimeError: more than 5 % of the cases can't be used; they are listed with their reasons.
    """
    if too_many(len(excluded), len(cases)):
        raise RuntimeError(
            f"{len(excluded)} of {len(cases)} unlabeled cases can't be used, more than {MOST_PERCENT} %. Correct or remove:\n"
            f"{listed(excluded)}"
        )
