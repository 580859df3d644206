"""Which DICOM segmentation or RTSTRUCT belongs to which PET: the one that refers to it, to its CT, or to their space."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2_muduo.conversion.dicom import DicomSeries, PetSeries
from nnunetv2_muduo.conversion.dicom_label_file import DicomLabelFile
from nnunetv2_muduo.conversion.dicom_pairs import Pair
from nnunetv2_muduo.conversion.dicom_rtstruct import RtStructFile, read_rois, what_is_missing
from nnunetv2_muduo.conversion.dicom_seg import SegFile
from nnunetv2_muduo.conversion.dicom_series import Series
from nnunetv2_muduo.conversion.dicom_tags import import_pydicom
from nnunetv2_muduo.conversion.named_labels import WantedLabel

CONTOUR_DATA = 0x30060050
LABEL_MODALITIES = {"SEG": SegFile, "RTSTRUCT": RtStructFile}


@dataclass
class References:
    """What a label file says it was drawn on: series (those of its images, then those it names itself), and spaces."""

    series: list[str] = field(default_factory=list)
    frames: set[str] = field(default_factory=set)
    problem: str = ""


@dataclass
class Labels:
    """Label by the PET's SeriesInstanceUID, why a PET has none that can be used, and files that belong to no PET."""

    by_pet: dict[str, DicomLabelFile] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    strays: dict[Path, str] = field(default_factory=dict)


def labels_of(
    pairs: Sequence[Pair], series: Iterable[Series], series_of_image: Mapping[str, str], wanted: tuple[WantedLabel, ...]
) -> Labels:
    """Labels of PETs from the segmentations and RTSTRUCTs among all series of a tree.

    Args:
        series_of_image: SeriesInstanceUID by SOPInstanceUID of all images in the tree.
        wanted: labels to take; see `DicomLabelFile`.
    """
    series = list(series)
    there = {one.SeriesInstanceUID: one for one in series if one.Modality not in LABEL_MODALITIES}
    files = [(path, one) for one in series if one.Modality in LABEL_MODALITIES for path in one.files]
    found, labels = defaultdict(list), Labels()
    for path, one in files:
        references = read_references(path, one, series_of_image)
        references.frames |= {there[uid].FrameOfReferenceUID for uid in references.series if uid in there} - {""}
        belonging = matching_pairs(one, references, pairs, there)
        for pair in belonging:
            found[pair].append((path, one, references))
        if not belonging:
            labels.strays[path] = f"{path}: {one.Modality} that belongs to no PET here; {_drawn_on(references, there)}"
    for pair, of_pair in found.items():
        uid = pair.pet.SeriesInstanceUID
        labels.problems[uid], labels.by_pet[uid] = _usable(of_pair, pair, there, wanted)
    return labels


def read_references(path: Path, series: Series, series_of_image: Mapping[str, str]) -> References:
    """References of a label file, and why it can't be used if so."""
    name = f"{path}: {series.Modality}"
    if series.problem:
        return References(frames={series.FrameOfReferenceUID} - {""}, problem=f"{name} can't be read: {series.problem}")
    try:
        dataset = import_pydicom().dcmread(path, stop_before_pixels=True)
        nested = [(one.keyword, str(one.value)) for one in _nested(dataset)]
        rois = read_rois(dataset) if series.Modality == "RTSTRUCT" else None
    except Exception as error:  # pydicom has no error of its own for damage; any may come
        problem = f"{name} can't be read ({type(error).__name__}: {error})"
        return References(frames={series.FrameOfReferenceUID} - {""}, problem=problem)
    images = [
        series_of_image[uid]
        for keyword, uid in nested
        if keyword == "ReferencedSOPInstanceUID" and uid in series_of_image
    ]
    named = [uid for keyword, uid in nested if keyword == "SeriesInstanceUID"]
    frames = {uid for keyword, uid in nested if keyword in ("FrameOfReferenceUID", "ReferencedFrameOfReferenceUID")}
    frames.add(series.FrameOfReferenceUID)
    is_empty = rois is not None and not any(roi.contours_mm for roi in rois.values())
    problem = f"{path}: {what_is_missing(rois, ())}" if is_empty else ""
    most_used_first = sorted(dict.fromkeys(images), key=lambda uid: -images.count(uid))
    return References(list(dict.fromkeys([*most_used_first, *named])), frames - {""}, problem)


def _nested(dataset, depth: int = 0):
    """UIDs in the sequences of a data set; contours, which may have millions of numbers, are not looked through."""
    for tag in dataset.keys():
        element = dataset[tag] if tag != CONTOUR_DATA else None
        if element is not None and element.VR == "SQ":
            for item in element.value:
                yield from _nested(item, depth + 1)
        elif element is not None and element.VR == "UI" and depth:
            yield element


def matching_pairs(
    series: Series, references: References, pairs: Sequence[Pair], there: Mapping[str, Series]
) -> list[Pair]:
    """Pairs whose PET a label file belongs to, by the surest way that leads to one.

    These are, in this order: the series it refers to is the PET, or the PET's CT; their space is the PET's; and where it refers
    to nothing that is there, it lies in the study of one PET alone.
    """
    uids = set(references.series)
    for kind in (0, 1):
        referred = [pair for pair in pairs if pair.has(uids)[kind]]
        if referred:
            return referred
    own = [pair for pair in pairs if series.PatientID in ("", pair.pet.PatientID)]
    in_space = [pair for pair in own if pair.pet.FrameOfReferenceUID in references.frames]
    if in_space or uids & there.keys():
        return in_space
    in_study = [pair for pair in own if pair.pet.StudyInstanceUID == series.StudyInstanceUID]
    return in_study if len(in_study) == 1 or references.series else []


def _usable(
    files: list[tuple[Path, Series, References]],
    pair: Pair,
    there: Mapping[str, Series],
    wanted: tuple[WantedLabel, ...],
) -> tuple[str, DicomLabelFile | None]:
    """(problem, label) of a PET from the files that belong to it; copies of one file count once."""
    different = list({path.read_bytes(): (path, *rest) for path, *rest in reversed(files)}.values())[::-1]
    if len(different) > 1:
        named = "; ".join(f"{series.Modality} {path}" for path, series, _ in different)
        return f"several segmentations for one case, keep one of them: {named}", None
    path, series, references = different[0]
    drawn_on = [there[uid] for uid in references.series if uid in there] if references.series else [pair.pet, *pair.cts]
    images = tuple(_image(one) for one in drawn_on if one.Modality in ("CT", "PT"))
    problem = references.problem
    needs_images = series.Modality == "RTSTRUCT" or pair.pet.FrameOfReferenceUID not in references.frames
    if needs_images and not images and not problem:
        problem = f"{path}: {series.Modality} whose images are not here as CT or PET; {_drawn_on(references, there)}"
    return problem, LABEL_MODALITIES[series.Modality](path, images, wanted)


def _image(series: Series) -> DicomSeries:
    return (PetSeries if series.Modality == "PT" else DicomSeries)(series.files)


def _drawn_on(references: References, there: Mapping[str, Series]) -> str:
    """What a label file refers to, in words."""
    if references.problem:
        return references.problem
    names = [str(there[uid]) if uid in there else f"series {uid}, which is not there" for uid in references.series]
    return f"it refers to {'; '.join(names)}" if names else "it refers to no series"
