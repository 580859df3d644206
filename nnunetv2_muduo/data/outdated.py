"""Prepared unlabeled cases that don't hold any more: plans, images or the labeled cases' orientation have changed since."""

from contextlib import suppress
from pathlib import Path

from nnunetv2_muduo import storage
from nnunetv2_muduo.data.checksums import is_whole, resealed
from nnunetv2_muduo.data.excluded_cases import SUFFIX, exclusion_reason
from nnunetv2_muduo.data.unlabeled_dataset import channel_files
from nnunetv2_muduo.imageio.grid import orientation_of

_OF_OTHER_FIELDS = (KeyError, TypeError, ValueError, AttributeError)
"""Errors of a record that has other fields than it was written with."""


def outdated_cases(
    cases: dict[str, list[str] | None], folder: Path, identity: str, orientation: str | None = None
) -> dict[str, str]:
    """Cases that have to be preprocessed (again), each with the reason why. Without raw files their change can't be seen.

    Args:
        identity: digest of the plans.
        orientation: that of the labeled cases, such as LPS; None where it doesn't matter.
    """
    reasons = {}
    excluded = excluded_cases(cases, folder, identity)
    for case, files in cases.items():
        if case in excluded:
            continue
        record_file = folder / f"{case}.json"
        try:
            reason = _why_outdated(record_file, files, identity, orientation)
        except _OF_OTHER_FIELDS:
            reason = f"{record_file.name} is damaged"
        if reason is not None:
            reasons[case] = reason
    return reasons


def _why_outdated(record_file: Path, files: list[str] | None, identity: str, orientation: str | None) -> str | None:
    record, (folder, case) = storage.read_json(record_file), (record_file.parent, record_file.stem)
    if record is None or not all(file.is_file() for file in channel_files(folder, case, len(record["channels"]))):
        return "not there"
    if record["plan"] != identity:
        return "made with other plans"
    if files is not None and not _is_made_from(files, record, record_file):
        return "its images have changed since"
    if orientation and record["direction"] and orientation_of(record["direction"]) != orientation:
        return "it is stored in another orientation than the labeled cases"
    return None


def _is_made_from(files: list[str], record: dict, record_file: Path) -> bool:
    """Whether a prepared case was made from these images; copies of them are read once, then their times are known too."""
    if not storage.is_unchanged(record["source"], files):
        return False
    source = storage.with_present_times(record["source"], files)
    if source != record["source"] and is_whole(record):
        with suppress(OSError):  # where prepared data may only be read, copies are compared at every start
            storage.write_json(resealed(record, source=source), record_file)
    return True


def excluded_cases(cases: dict[str, list[str] | None], folder: Path, identity: str) -> dict[str, str]:
    """Cases that were tried with these plans and images and can't be used, each with the reason why."""
    tried = [case for case, files in cases.items() if files and (folder / f"{case}{SUFFIX}").is_file()]
    reasons = {case: exclusion_reason(folder, case, identity, cases[case]) for case in tried}
    return {case: reason for case, reason in reasons.items() if reason is not None}
