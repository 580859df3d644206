"""Files that can't be read beside the slices of a DICOM series: each may be a slice that is lost."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nnunetv2_muduo.conversion.dicom_headers import Unread
from nnunetv2_muduo.conversion.dicom_series import Series

DICOM_ENDINGS = (".dcm", ".dicom", ".dic", ".ima")
UNFINISHED_ENDINGS = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp", ".gz", ".bz2", ".xz")
"""What downloads in progress and compressed files have behind their own ending."""
_PLAIN_SUFFIX = re.compile(r"|\.\d+")
"""Of files without a real ending: nothing, or the last part of a UID."""


def add_unread(series: list[Series], unread: dict[Path, Unread]) -> tuple[list[Series], dict[Path, str]]:
    """Files that can't be read, as the problem of the series in their folder; and those that belong to none.

    Without them, a series that lacks its last slice would look like a whole one. Where a folder holds series of one study,
    any of them may lack it; where it holds several studies, the file stands for itself. What lies beside slices under other
    names, such as a README, is passed over.
    """
    neighbors = _Neighbors(series)
    reasons, strays = defaultdict(list), defaultdict(list)
    for path, why in unread.items():
        numbers = neighbors.of(path)
        if not (why.is_damaged or may_be_a_slice(path, (file for n in numbers for file in series[n].files))):
            continue
        if len({series[number].StudyInstanceUID for number in numbers}) == 1:
            for number in numbers:
                reasons[number].append(str(why))
        else:
            strays[path.parent].append((path, str(why)))
    named = {number: "; ".join(filter(None, (series[number].problem, *whys))) for number, whys in reasons.items()}
    damaged = [replace(series[n], problem=problem, is_volume=True) for n, problem in named.items()]
    whole = [one for number, one in enumerate(series) if number not in named]
    return whole + damaged, dict(map(_first_of_folder, strays.values()))


class _Neighbors:
    """Which series lie beside a file, by their numbers in a list."""

    def __init__(self, series: list[Series]):
        self.by_folder, self.by_parent = defaultdict(set), defaultdict(set)
        for number, one in enumerate(series):
            folders = {path.parent for path in one.files}
            for folder in folders:
                self.by_folder[folder].add(number)
                if len(folders) > 1:  # one file in each folder, say
                    self.by_parent[folder.parent].add(number)

    def of(self, path: Path) -> list[int]:
        return sorted(self.by_folder.get(path.parent) or self.by_parent.get(path.parent.parent) or ())


def _first_of_folder(files: list[tuple[Path, str]]) -> tuple[Path, str]:
    path, why = files[0]
    return path, why + (f"; and {len(files) - 1} more files in its folder" if len(files) > 1 else "")


def may_be_a_slice(path: Path, slices: Iterable[Path]) -> bool:
    """True for a name with an ending of DICOM's, or that of the slices; where they have none, for one with a digit."""
    ending = _ending(path)
    if path.name.upper() == "DICOMDIR" or ending in DICOM_ENDINGS:
        return ending in DICOM_ENDINGS
    return ending in set(map(_ending, slices)) and (ending != "" or any(map(str.isdigit, path.name)))


def _ending(path: Path) -> str:
    if path.suffix.lower() in UNFINISHED_ENDINGS:
        path = path.with_suffix("")
    return "" if _PLAIN_SUFFIX.fullmatch(path.suffix) else path.suffix.lower()
