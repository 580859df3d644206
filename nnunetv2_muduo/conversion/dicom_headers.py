"""Headers of all files in a tree, and the files that can't be read."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nnunetv2_muduo.conversion.dicom import import_pydicom
from nnunetv2_muduo.conversion.dicom_series import LACKS_PREFIX, TAGS, Series
from nnunetv2_muduo.conversion.folders import walk
from nnunetv2_muduo.parallel import map_jobs

_PLAIN_SUFFIX = re.compile(r"|\.\d+")
"""Of files without a real ending: nothing, or the last part of a UID."""


_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
"""Of the tags with which a data set begins: its file's own, or those of the image."""


def read_tree(source: Path, n_processes: int) -> tuple[list[tuple[str, dict]], dict[Path, str]]:
    """(path, tags) of all DICOM files below a folder, and why others are no DICOM that can be read."""
    folders = [(str(folder), list(map(str, files))) for folder, files in walk(source) if files]
    found, unread = [], {}
    for _, (headers, problems) in map_jobs(read_headers, folders, n_processes, "looking"):
        found += headers
        unread |= problems
    return found, unread


def read_headers(folder: str, files: list[str]) -> tuple[list[tuple[str, dict]], dict[Path, str]]:
    """(path, tags) of the DICOM files among those of a folder, and why the others can't be read."""
    pydicom = import_pydicom()
    headers, unread = [], {}
    for path in map(Path, files):
        try:
            header = _read_header(path, force=False)
        except pydicom.errors.InvalidDicomError:
            header = _header_without_prefix(path)
        except Exception as error:  # pydicom has no error of its own for damage; any may come, and none ends the search
            unread[path] = f"{path}: can't be read ({type(error).__name__}: {error})"
            continue
        if header is None:
            unread[path] = f"{path}: {_what_it_is(path)}"
        elif not header["SeriesInstanceUID"]:
            unread[path] = f"{path}: no DICOM image, its header has no SeriesInstanceUID (0020,000e); truncated?"
        else:
            headers.append((str(path), header))
    return headers, unread


def _read_header(path: Path, force: bool) -> dict:
    dataset = import_pydicom().dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS), force=force)
    return {tag: _plain(dataset.get(tag)) for tag in TAGS}


def _header_without_prefix(path: Path) -> dict | None:
    """Tags of DICOM that lacks what its files begin with; None for everything else."""
    with path.open("rb") as file:
        if file.read(2) not in _FIRST_GROUPS:
            return None
    try:
        header = _read_header(path, force=True)
    except Exception:  # whatever pydicom makes of a file that is none of its own
        return None
    return header | {LACKS_PREFIX: True} if header["SeriesInstanceUID"] and header["SOPInstanceUID"] else None


def _plain(value):
    if value is None or isinstance(value, str):
        return str(value or "")
    return tuple(map(str, value)) if isinstance(value, Iterable) else str(value)


def _what_it_is(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(512)
    if not start.strip(b"\0"):
        return "no DICOM, " + ("it holds zeros alone" if start else "it is empty")
    if start.lstrip()[:1] == b"<":
        return "no DICOM but a page of HTML or XML: what a server answered in place of the file?"
    return "no DICOM: it lacks the letters DICM, and what a header begins with"


def add_unread(series: list[Series], unread: dict[Path, str]) -> tuple[list[Series], dict[Path, str]]:
    """Files that can't be read, as the problem of the series in their folder; and those that belong to none.

    Without them, a series that lacks its last slice would look like a whole one. Where a folder holds series of one study,
    any of them may lack it; where it holds several studies, the file stands for itself. What lies beside slices under other
    names, such as a README, is passed over.
    """
    beside = defaultdict(list)
    for number, one in enumerate(series):
        for folder in {path.parent for path in one.files}:
            beside[folder].append(number)
    reasons, strays = defaultdict(list), {}
    for path, why in unread.items():
        neighbors = beside[path.parent]
        if not any(looks_like_a_slice(path, series[number].files) for number in neighbors) and "no DICOM" in why:
            continue
        if len({series[number].StudyInstanceUID for number in neighbors}) == 1:
            for number in neighbors:
                reasons[number].append(why)
        else:
            strays[path] = why
    named = {number: "; ".join(filter(None, (series[number].problem, *whys))) for number, whys in reasons.items()}
    return [replace(one, problem=named.get(number, one.problem)) for number, one in enumerate(series)], strays


def looks_like_a_slice(path: Path, slices: Iterable[Path]) -> bool:
    """True for a name with the ending of a series' files; where these have none, for a name with a digit and no ending."""
    if path.name.upper() == "DICOMDIR":
        return False
    endings = {_ending(one) for one in slices}
    return _ending(path) in endings and (_ending(path) != "" or any(map(str.isdigit, path.name)))


def _ending(path: Path) -> str:
    return "" if _PLAIN_SUFFIX.fullmatch(path.suffix) else path.suffix.lower()
