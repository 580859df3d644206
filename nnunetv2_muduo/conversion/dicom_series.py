"""Series of a DICOM tree: the slices that are one volume, and the pages among them that are no part of it."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

TAGS = (
    "SOPInstanceUID",
    "SOPClassUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "PatientID",
    "Modality",
    "StudyDate",
    "StudyID",
    "StudyDescription",
    "SeriesDescription",
    "ImageType",
    "CorrectedImage",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "Rows",
    "Columns",
)
LACKS_PREFIX = "lacks_prefix"
"""Key beside the tags of a header: the file begins without the preamble and the letters DICM."""
NO_SLICE = re.compile(r"LOCALIZER|SCREEN.?SAVE|\bM(?:AX|IN)?_?IP\b|PROJECTION")
"""In the ImageType of what is no slice of a volume: scouts, screenshots, projections."""
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
MOST_ODD_PAGES, FEWEST_SLICES = 3, 4
"""So many pages of another orientation or size beside so many slices are scouts that don't say it; more are a fault."""


@dataclass(frozen=True)
class Series:
    """One series found in the tree: tags of its first slice, its files, and what is odd about it."""

    tags: dict
    files: tuple[Path, ...]
    problem: str = ""
    """Why it can't be read as it is, if so."""
    n_left_aside: int = 0
    """Pages with its number that are no slices of it."""

    def __getattr__(self, keyword: str):
        if keyword not in TAGS:
            raise AttributeError(keyword)
        return self.tags[keyword]

    def __str__(self) -> str:
        return f"{self.Modality} {self.SeriesDescription or 'without description'!r} in {self.files[0].parent}"

    @property
    def may_be_used(self) -> bool:
        """False for PET without attenuation correction."""
        return self.Modality != "PT" or not self.CorrectedImage or "ATTN" in self.CorrectedImage or bool(self.problem)

    @property
    def is_volume(self) -> bool:
        """False for what is a few pages, as far as headers tell."""
        return bool(self.problem) or (len(self.files) >= FEWEST_SLICES and bool(self.ImagePositionPatient))


def group_series(headers: list[tuple[str, dict]]) -> list[Series]:
    """Series of the given files; a file that is there twice counts once, and series without a slice are left out."""
    pages: dict[str, dict[str, tuple[str, dict]]] = defaultdict(dict)
    for path, header in sorted(headers, key=lambda pair: pair[0]):
        pages[header["SeriesInstanceUID"]].setdefault(header["SOPInstanceUID"], (path, header))
    return [one for of_series in pages.values() if (one := _series(list(of_series.values()))) is not None]


def _series(pages: list[tuple[str, dict]]) -> Series | None:
    slices = _slices(pages) if pages[0][1]["Modality"] in ("CT", "PT") else pages
    if not slices:
        return None
    files = tuple(Path(path) for path, _ in slices)
    return Series(slices[0][1], files, _problem([header for _, header in slices], files), len(pages) - len(slices))


def _slices(pages: list[tuple[str, dict]]) -> list[tuple[str, dict]]:
    """The pages of a series that are slices of a volume, as far as headers tell."""
    pages = [page for page in pages if not _is_no_slice(page[1])]
    if any(map(_has_place, pages)):
        pages = [page for page in pages if _has_place(page)]
    kinds = Counter(map(_kind, pages))
    if not kinds:
        return []
    kind, n_slices = kinds.most_common(1)[0]
    n_odd = len(pages) - n_slices
    return (
        [page for page in pages if _kind(page) == kind]
        if FEWEST_SLICES <= n_slices and n_odd <= MOST_ODD_PAGES
        else pages
    )


def _is_no_slice(header: dict) -> bool:
    is_capture = header["SOPClassUID"].startswith(SECONDARY_CAPTURE) and not header["ImagePositionPatient"]
    return is_capture or any(NO_SLICE.search(value.upper()) for value in header["ImageType"] or ())


def _has_place(page: tuple[str, dict]) -> bool:
    return bool(page[1]["ImagePositionPatient"]) and bool(page[1]["ImageOrientationPatient"])


def _kind(page: tuple[str, dict]) -> tuple:
    """What all slices of a volume share: orientation and size."""
    header = page[1]
    try:
        orientation = tuple(round(float(cosine), 2) + 0.0 for cosine in header["ImageOrientationPatient"] or ())
    except ValueError:  # said when the slices are read
        orientation = header["ImageOrientationPatient"]
    return orientation, header["Rows"], header["Columns"]


def _problem(headers: list[dict], files: tuple[Path, ...]) -> str:
    bare = [path for path, header in zip(files, headers, strict=True) if header.get(LACKS_PREFIX)]
    if bare:
        return (
            f"{len(bare)} of {len(files)} files, such as {bare[0]}, lack the preamble and the letters DICM with which DICOM "
            "files begin; write them anew, for example with dcmconv of DCMTK"
        )
    corrected = {"ATTN" in (header["CorrectedImage"] or ()) for header in headers if header["Modality"] == "PT"}
    if len(corrected) == 2:
        return f"{files[0].parent}: slices with and without attenuation correction in one series: CorrectedImage (0028,0051)"
    return ""
