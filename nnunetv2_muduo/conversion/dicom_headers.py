"""Headers of all files in a tree, and why others can't be read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_muduo.conversion.dicom_pages import Page
from nnunetv2_muduo.conversion.dicom_series import LACKS_PREFIX, SEVERAL_VALUES, TAGS
from nnunetv2_muduo.conversion.dicom_tags import import_pydicom
from nnunetv2_muduo.conversion.folders import walk
from nnunetv2_muduo.parallel import map_jobs

DIRECTORY = "1.2.840.10008.1.3.10"
"""SOP class of a DICOMDIR."""
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
"""Of the tags with which a data set begins: its file's own, or those of the image."""


@dataclass(frozen=True)
class Unread:
    """Why a file can't be read."""

    reason: str
    is_damaged: bool
    """True for damaged DICOM, and for what can't be opened; else it is no DICOM, perhaps a README."""

    def __str__(self) -> str:
        return self.reason


def read_tree(source: Path, n_processes: int) -> tuple[list[Page], dict[Path, Unread]]:
    """(path, tags) of all DICOM files below a folder, and why others can't be read."""
    folders = [(str(folder), list(map(str, files))) for folder, files in walk(source) if files]
    found, unread = [], {}
    for _, (headers, problems) in map_jobs(read_headers, folders, n_processes, "looking"):
        found += headers
        unread |= problems
    return found, unread


def read_headers(folder: str, files: list[str]) -> tuple[list[Page], dict[Path, Unread]]:
    """(path, tags) of the DICOM files among those of a folder, and why the others can't be read."""
    pydicom = import_pydicom()
    headers, unread = [], {}
    for path in map(Path, files):
        try:
            header = _read_header(path)
        except pydicom.errors.InvalidDicomError:
            header = _header_without_prefix(path)
        except Exception as error:  # pydicom has no error of its own for damage; any may come, and none ends the search
            unread[path] = Unread(f"{path}: can't be read ({type(error).__name__}: {error})", is_damaged=True)
            continue
        if header is None:
            unread[path] = Unread(f"{path}: {_what_it_is(path)}", is_damaged=False)
        elif header["SOPClassUID"] == DIRECTORY:
            continue
        elif not header["SeriesInstanceUID"]:
            reason = f"{path}: no DICOM image, its header has no SeriesInstanceUID (0020,000e); truncated?"
            unread[path] = Unread(reason, is_damaged=False)
        else:
            headers.append((str(path), header))
    for path in _cut_off(headers):
        reason = f"{path}: its header breaks off in SeriesInstanceUID (0020,000e); truncated?"
        unread[path] = Unread(reason, is_damaged=True)
    return [page for page in headers if Path(page[0]) not in unread], unread


def _cut_off(headers: list[Page]) -> list[Path]:
    """Files without an image whose SeriesInstanceUID is the beginning of another's: they would be a series of their own."""
    whole = {header["SeriesInstanceUID"] for _, header in headers if header["Rows"]}
    cut = [(path, header["SeriesInstanceUID"]) for path, header in headers if not header["Rows"]]
    return [Path(path) for path, uid in cut if uid not in whole and any(other.startswith(uid) for other in whole)]


def _read_header(path: Path, force: bool = False) -> dict:
    dataset = import_pydicom().dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS), force=force)
    header = {tag: _plain(_value(dataset, tag), tag) for tag in TAGS}
    header["SOPClassUID"] = header["SOPClassUID"] or str(dataset.file_meta.get("MediaStorageSOPClassUID") or "")
    return header


def _value(dataset, tag: str):
    try:
        return dataset.get(tag)
    except (
        Exception
    ):  # pydicom makes sense of bytes when they are asked for; what is wrong is said when slices are read
        return None


def _plain(value, tag: str) -> str | tuple[str, ...]:
    if tag not in SEVERAL_VALUES:
        return "" if value is None else str(value)
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (str(value),) if value else ()
    return tuple(map(str, value))


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


def _what_it_is(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(512)
    if not start.strip(b"\0"):
        return "no DICOM, " + ("it holds zeros alone" if start else "it is empty")
    if start.lstrip()[:1] == b"<":
        return "no DICOM but a page of HTML or XML: what a server answered in place of the file?"
    return "no DICOM: it lacks the letters DICM, and what a header begins with"
