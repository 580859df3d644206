"""Series of a DICOM tree: their slices, without the pages among them that are none."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_muduo.conversion.dicom_pages import FEWEST_SLICES, Page, n_places, slices_among
from nnunetv2_muduo.conversion.dicom_tags import tag_name

TAGS = (
    "SOPInstanceUID",
    "SOPClassUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "PatientID",
    "PatientName",
    "Modality",
    "StudyDate",
    "StudyID",
    "StudyDescription",
    "SeriesDescription",
    "AcquisitionTime",
    "ImageType",
    "SeriesType",
    "CorrectedImage",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "NumberOfFrames",
)
SEVERAL_VALUES = ("ImageType", "SeriesType", "CorrectedImage", "ImagePositionPatient", "ImageOrientationPatient")
"""Tags of which a header has a tuple, empty where the tag is missing; it has text of all others."""
OF_A_COPY = ("SOPInstanceUID", "ImagePositionPatient", "AcquisitionTime", "CorrectedImage")
"""What a file that is there twice shares; some software gives one SOPInstanceUID to several images."""
SAME_IN_A_SERIES = ("PatientID", "StudyInstanceUID", "Modality")
"""Tags in which slices of one series may not differ."""
LACKS_PREFIX = "lacks_prefix"
"""Key beside the tags of a header: the file begins without the preamble and the letters DICM."""


@dataclass(frozen=True)
class Series:
    """One series found in the tree: tags of one of its slices, its files, and what is odd about it."""

    tags: dict
    files: tuple[Path, ...]
    problem: str = ""
    """Why it can't be read as it is, if so."""
    n_left_aside: int = 0
    """Pages with its number that are no slices of it."""
    is_volume: bool = True
    """False for a few pages, and for pages that all lie in one place."""

    def __getattr__(self, keyword: str):
        if keyword not in TAGS:
            raise AttributeError(keyword)
        return self.tags[keyword]

    def __str__(self) -> str:
        return f"{self.Modality} {self.SeriesDescription or 'without description'!r} in {self.files[0].parent}"

    @property
    def may_be_used(self) -> bool:
        """False for PET without attenuation correction."""
        return self.Modality != "PT" or not self.CorrectedImage or "ATTN" in self.CorrectedImage


def group_series(headers: list[Page]) -> list[Series]:
    """Series of the given files; a file that is there twice counts once, and series without a slice are left out."""
    pages: dict[str, dict[tuple, Page]] = defaultdict(dict)
    for path, header in sorted(headers, key=lambda page: page[0]):
        copy = tuple(header[tag] for tag in OF_A_COPY)
        pages[header["SeriesInstanceUID"]].setdefault(copy, (path, header))
    return [one for of_series in pages.values() if (one := _series(list(of_series.values()))) is not None]


def _series(pages: list[Page]) -> Series | None:
    is_image = _typical(pages)["Modality"] in ("CT", "PT")
    slices = slices_among(pages) if is_image else pages
    if not slices:
        return None
    files = tuple(Path(path) for path, _ in slices)
    problem = _problem(slices) if is_image else _without_prefix(slices)
    has_frames = any(header["NumberOfFrames"] not in ("", "0", "1") for _, header in slices)
    is_volume = not is_image or bool(problem) or has_frames or n_places(slices) >= FEWEST_SLICES
    tags = _typical([page for page in slices if "ATTN" in page[1]["CorrectedImage"]] or slices)
    return Series(tags, files, problem, len(pages) - len(slices), is_volume)


def _typical(pages: list[Page]) -> dict:
    """Tags of the first page that belongs where most of them do: one altered page doesn't count."""
    places = [tuple(header[tag] for tag in (*SAME_IN_A_SERIES, "FrameOfReferenceUID")) for _, header in pages]
    return pages[places.index(Counter(places).most_common(1)[0][0])][1]


def _problem(slices: list[Page]) -> str:
    return _without_prefix(slices) or _of_several(slices) or _partly_uncorrected(slices)


def _without_prefix(slices: list[Page]) -> str:
    bare = [path for path, header in slices if header.get(LACKS_PREFIX)]
    if not bare:
        return ""
    return (
        f"{len(bare)} of {len(slices)} files, such as {bare[0]}, lack the preamble and the letters DICM with which DICOM "
        "files begin; write them anew, for example with dcmconv of DCMTK"
    )


def _of_several(slices: list[Page]) -> str:
    for tag in SAME_IN_A_SERIES:
        values = {header[tag]: path for path, header in slices}
        if len(values) > 1:
            found = ", ".join(f"{value!r} in {path}" for value, path in values.items())
            return f"one series, but slices with several {tag_name(tag)}: {found}"
    return ""


def _partly_uncorrected(slices: list[Page]) -> str:
    lacking = [path for path, header in slices if "ATTN" not in header["CorrectedImage"]]
    if slices[0][1]["Modality"] != "PT" or len(lacking) in (0, len(slices)):
        return ""
    return (
        f"slices with and without attenuation correction in one series, CorrectedImage (0028,0051): {len(lacking)} of "
        f"{len(slices)} lack ATTN, such as {lacking[0]}; keep the corrected ones alone"
    )
