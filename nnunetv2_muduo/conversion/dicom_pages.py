"""Pages of a DICOM series that are no slices of its volume: scouts, screenshots, projections, reports."""

import re
from collections import Counter

import numpy as np

Page = tuple[str, dict]
"""Path of a file, and its tags as text."""
NO_SLICE = re.compile(r"LOCALIZER|SCREEN.?SAVE|\bM(?:AX|IN)?_?IP\b|PROJECTION")
"""In the ImageType or SeriesType of what is no slice of a volume: scouts, screenshots, projections."""
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""How the SOP classes of screenshots begin, of one frame or many."""
MOST_ODD_PAGES, FEWEST_SLICES = 3, 4
"""So many pages that stand upright beside so many slices are scouts that don't say it; more are a fault."""
UPRIGHT = 0.5
"""Cosine between the normals of a page and of the slices, below which the page is a scout rather than a slice gone wrong."""


def slices_among(pages: list[Page]) -> list[Page]:
    """The pages of a series that are slices of its volume, as far as headers tell.

    A page is left aside only where no slice is lost with it: it says itself that it is none, it looks along another axis, a
    slice lies in its place, or it has no place and is of another kind. What is neither stays, and refuses the series.
    """
    pages = [page for page in pages if not _says_that_it_is_no_slice(page[1], pages)]
    placed = [page for page in pages if _has_place(page[1])]
    if not placed:
        return pages
    kind, n_slices = Counter(_kind(header) for _, header in placed).most_common(1)[0]
    slices = {path: header for path, header in placed if _kind(header) == kind}
    places = {header["ImagePositionPatient"] for header in slices.values()}
    a_slice = next(iter(slices.values()))
    beside = {path: h for path, h in pages if path not in slices and _is_beside(h, a_slice, places)}
    if sum(map(_has_place, beside.values())) > MOST_ODD_PAGES or n_slices < FEWEST_SLICES:
        return pages
    return [page for page in pages if page[0] not in beside]


def n_places(pages: list[Page]) -> int:
    """Number of different places along the orientation that most pages have."""
    placed = [header for _, header in pages if _has_place(header)]
    orientations = Counter(_orientation(header) for header in placed)
    return max(
        (len({h["ImagePositionPatient"] for h in placed if _orientation(h) == one}) for one in orientations), default=0
    )


def _says_that_it_is_no_slice(header: dict, pages: list[Page]) -> bool:
    is_capture = header["SOPClassUID"].startswith(SECONDARY_CAPTURE)
    others = {other["SOPClassUID"] for _, other in pages if not other["SOPClassUID"].startswith(SECONDARY_CAPTURE)}
    types = (*header["ImageType"], *header["SeriesType"])
    return (
        (is_capture and (bool(others) or not _has_place(header)))
        or header["SamplesPerPixel"] not in ("", "1")
        or any(NO_SLICE.search(value.upper()) for value in types)
    )


def _is_beside(header: dict, a_slice: dict, places: set) -> bool:
    """Whether a page is no slice although it doesn't say so."""
    if not _has_place(header):
        has_size = header["Rows"] not in ("", "0")  # a slice that breaks off in its header has none
        tags = ("SOPClassUID", "ImageType", *(("Rows", "Columns") if has_size else ()))
        return any(header[tag] != a_slice[tag] for tag in tags)
    if header["ImagePositionPatient"] in places:
        return True
    cosine = float(np.dot(_normal(header), _normal(a_slice)))
    return abs(cosine) < UPRIGHT


def _has_place(header: dict) -> bool:
    return len(header["ImagePositionPatient"]) == 3 and len(_orientation(header)) == 6


def _kind(header: dict) -> tuple:
    """What all slices of a volume share: orientation and size."""
    return _orientation(header), header["Rows"], header["Columns"]


def _orientation(header: dict) -> tuple[float, ...]:
    """The cosines of the rows and columns; none where they can't be read, which is said when slices are read."""
    try:
        return tuple(round(float(cosine), 2) + 0.0 for cosine in header["ImageOrientationPatient"])
    except ValueError:
        return ()


def _normal(header: dict) -> np.ndarray:
    row, column = np.reshape(_orientation(header), (2, 3))
    return np.cross(row, column)
