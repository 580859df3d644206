"""Files that can't be read beside the slices of a DICOM series: each may be a slice that is lost."""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from nnunetv2_muduo.conversion.dicom_headers import Unread
from nnunetv2_muduo.conversion.dicom_pages import FEWEST_SLICES
from nnunetv2_muduo.conversion.dicom_series import Series

DICOM_ENDINGS = (".dcm", ".dicom", ".dic", ".ima")
ADDED_ENDINGS = (".part", ".partial", ".crdownload", ".download", ".tmp", ".htm", ".html", ".gz", ".bz2", ".xz")
"""What downloads that went wrong and compressed files have behind their own ending, or in place of it."""
_PLAIN_SUFFIX = re.compile(r"|\.\d+")
"""Of files without a real ending: nothing, or the last part of a UID."""


def add_unread(series: list[Series], unread: dict[Path, Unread]) -> tuple[list[Series], dict[Path, str]]:
    """Files that can't be read, as the problem of the series in their folder; and those that belong to none.

    Without them, a series that lacks its last slice would look like a whole one. Where a folder holds series of one study,
    any of them may lack it; where it holds several studies, the file stands for itself. What lies beside slices under other
    names, such as a README, is passed over.
    """
    neighbors = _Neighbors(series)
    styles = [set(map(_style, one.files)) for one in series]
    reasons, strays = defaultdict(list), defaultdict(list)
    for path, why in unread.items():
        numbers = neighbors.of(path)
        if not (why.is_damaged or may_be_a_slice(path, set().union(*(styles[number] for number in numbers)))):
            continue
        if len({series[number].StudyInstanceUID for number in numbers}) == 1:
            for number in numbers:
                reasons[number].append(str(why))
        else:
            strays[path.parent].append((path, str(why)))
    series = [_damaged(one, reasons[number]) if number in reasons else one for number, one in enumerate(series)]
    return series, dict(map(_first_of_folder, strays.values()))


def _damaged(series: Series, reasons: list[str]) -> Series:
    is_volume = series.is_volume or len(series.files) + len(reasons) >= FEWEST_SLICES
    return replace(series, problem="; ".join(filter(None, (series.problem, *reasons))), is_volume=is_volume)


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
        """Those in the file's folder; where there are none, those in the folder above, or in folders beside its own."""
        above = path.parent.parent
        return sorted(self.by_folder.get(path.parent) or self.by_folder.get(above) or self.by_parent.get(above) or ())


def _first_of_folder(files: list[tuple[Path, str]]) -> tuple[Path, str]:
    path, why = files[0]
    return path, why + (f"; and {len(files) - 1} more files in its folder" if len(files) > 1 else "")


def may_be_a_slice(path: Path, styles: set[tuple[str, str]]) -> bool:
    """True for a name with an ending of DICOM's, or that of the slices.

    A name without an ending counts if it has a number and the slices have no ending either, or else the same pattern.

    Args:
        styles: (pattern, ending) of the slices' names.
    """
    pattern, ending = _style(path)
    if path.name.upper() == "DICOMDIR" or ending in DICOM_ENDINGS:
        return ending in DICOM_ENDINGS
    if ending or "#" not in pattern:
        return ending != "" and ending in {other for _, other in styles}
    return any(other == "" or of_slices == pattern for of_slices, other in styles)


def _style(path: Path) -> tuple[str, str]:
    """(name with # for its numbers, ending) without endings that were added; the last part of a UID is no ending."""
    if path.suffix.lower() in ADDED_ENDINGS:
        path = path.with_suffix("")
    name, ending = (path.name, "") if _PLAIN_SUFFIX.fullmatch(path.suffix) else (path.stem, path.suffix.lower())
    return re.sub(r"\d[\d.]*", "#", name.lower()), ending
