"""Reader of DICOM segmentation objects (binary, or label maps) as label maps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.dicom_label_file import DicomLabelFile, grid_of_series, stack_grid
from nnunetv2_muduo.conversion.label_names import same_name
from nnunetv2_muduo.conversion.named_labels import WantedLabel
from nnunetv2_muduo.conversion.named_masks import LabelVolume, choose_masks
from nnunetv2_muduo.imageio.grid import Grid, set_grid
from nnunetv2_muduo.imageio.refusal import CaseRefused

BINARY, LABELMAP = "BINARY", "LABELMAP"
OFF_SLICE = 0.2
"""Frames may be off their slices by this share of the slices' distance."""


@dataclass(frozen=True)
class SegFile(DicomLabelFile):
    """One DICOM SEG file; the value of a label is its segment number."""

    kind = "segmentation"

    def _label_map(self, dataset) -> sitk.Image:
        return label_map(dataset, [grid_of_series(image) for image in self.images], self.wanted)


def label_map(dataset, images: Sequence[Grid] = (), wanted: Sequence[WantedLabel] = ()) -> sitk.Image:
    """Label map of a pydicom SEG data set; frames that are left out are background.

    Args:
        images: grids of the series that were segmented, whose slices tell how far apart the frames' slices are.
        wanted: labels to take; see `choose_masks`. Where no segment means one of them, all are taken.

    Raises CaseRefused for fractional, overlapping or tilted segmentations.
    """
    kind = dataset.get("SegmentationType", BINARY)
    if kind not in (BINARY, LABELMAP):
        raise CaseRefused(f"SegmentationType (0062,0001) is {kind}, only BINARY and LABELMAP are read")
    names = segment_names(dataset)
    chosen = choose_masks(names, wanted)
    may_overlap = bool(wanted and chosen)
    chosen = chosen or choose_masks(names, ())
    values = _values(chosen)
    frames = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    slices, grid = _place_frames(dataset, len(frames), images)
    volume = LabelVolume(grid.size[::-1], {value: chosen[value] for value in values.values()}, may_overlap)
    left_out = [name for number, name in names.items() if number not in chosen]
    if left_out:
        volume.remarks.append(f"segments that labels.json doesn't name: {', '.join(left_out)}")
    numbers = [_segment_of(dataset, i) for i in range(len(frames))] if kind == BINARY else []
    for number in chosen:
        of_segment = range(len(frames)) if kind == LABELMAP else [i for i, one in enumerate(numbers) if one == number]
        for i in of_segment:
            mask = frames[i] == number if kind == LABELMAP else frames[i] > 0
            volume.add(mask, values[number], int(slices[i]))
    return set_grid(volume.image(), grid)


def segment_names(dataset) -> dict[int, str]:
    """Label of each segment by its number; number 0 is the background of label maps."""
    segments = {int(one.SegmentNumber): one for one in dataset.SegmentSequence}
    return {n: str(one.get("SegmentLabel") or f"segment {n}") for n, one in segments.items() if n}


def _values(chosen: dict[int, str]) -> dict[int, int]:
    """Value by segment: its number, or that of the first one that is named the same."""
    first: dict[str, int] = {}
    for number in sorted(chosen):
        first.setdefault(same_name(chosen[number]), number)
    return {number: first[same_name(name)] for number, name in chosen.items()}


def _segment_of(dataset, index: int) -> int:
    return int(_functional(dataset, index, "SegmentIdentification").ReferencedSegmentNumber)


def _functional(dataset, index: int, group: str):
    """Item of a functional group: the frame's own, else the one all frames share."""
    keyword = f"{group}Sequence"
    shared = dataset.get("SharedFunctionalGroupsSequence") or ()
    for item in (dataset.PerFrameFunctionalGroupsSequence[index], *shared[:1]):
        if keyword in item:
            return item[keyword].value[0]
    raise CaseRefused(f"no {keyword} for frame {index + 1}")


def _place_frames(dataset, n_frames: int, images: Sequence[Grid]) -> tuple[np.ndarray, Grid]:
    """(slice number of each frame, grid of the slices from the first to the last frame)."""
    places_mm = np.array(
        [_functional(dataset, i, "PlanePosition").ImagePositionPatient for i in range(n_frames)], float
    )
    orientations = np.array(
        [_functional(dataset, i, "PlaneOrientation").ImageOrientationPatient for i in range(n_frames)], float
    )
    if np.ptp(orientations, axis=0).max() > 1e-3:
        raise CaseRefused("frames of several orientations: ImageOrientationPatient (0020,0037)")
    measures = _functional(dataset, 0, "PixelMeasures")
    normal = np.cross(*np.reshape(orientations[0], (2, 3)))
    along_mm = places_mm @ normal
    _require_straight(places_mm - np.outer(along_mm, normal), min(map(float, measures.PixelSpacing)))
    offsets_mm = along_mm - along_mm.min()
    step_mm = _step_mm(offsets_mm, measures, normal, images)
    slices = np.rint(offsets_mm / step_mm).astype(int)
    step_mm = offsets_mm.max() / slices.max() if slices.max() else step_mm  # what tags say is often rounded
    size = int(dataset.Columns), int(dataset.Rows), int(slices.max()) + 1
    origin_mm = places_mm[along_mm.argmin()]
    return slices, stack_grid(size, measures.PixelSpacing, step_mm, origin_mm, orientations[0])


def _require_straight(sideways_mm: np.ndarray, pixel_mm: float) -> None:
    shift_mm = np.ptp(sideways_mm, axis=0).max()
    if shift_mm > OFF_SLICE * pixel_mm:
        raise CaseRefused(f"frames are shifted sideways by up to {shift_mm:.2f} mm (tilted?)")


def _step_mm(offsets_mm: np.ndarray, measures, normal: np.ndarray, images: Sequence[Grid]) -> float:
    """Distance of the slices, of which a segmentation may leave out any: the first of those that its frames fit.

    The spacing of the images that were segmented is surer than what the file says, where some programs write the distance
    of the frames that they kept.
    """
    said = [measures.get("SpacingBetweenSlices"), measures.get("SliceThickness")]
    steps_mm = [grid.spacing_mm[2] for grid in images if abs(np.reshape(grid.direction, (3, 3))[:, 2] @ normal) > 0.999]
    steps_mm += [abs(float(mm)) for mm in said if mm]
    gaps_mm = np.diff(np.unique(np.round(offsets_mm, 3)))
    if len(gaps_mm) and not said[0] and _leaves_nothing_out(gaps_mm, float(said[1] or 0)):
        steps_mm.append(gaps_mm.min())
    fitting = [mm for mm in steps_mm if mm > 0 and _is_multiple(offsets_mm, mm)]
    if not fitting:
        raise CaseRefused(
            f"the frames are not evenly spaced: {np.round(gaps_mm, 2).tolist()} mm apart, with slices "
            f"{' or '.join(f'{mm:g}' for mm in steps_mm) or 'that are an unknown number of'} mm apart"
        )
    return fitting[0]


def _leaves_nothing_out(gaps_mm: np.ndarray, thickness_mm: float) -> bool:
    """True where the smallest gap is one of neighbors: too narrow for a slice between, or of unknown slices all alike."""
    return gaps_mm.min() < 2 * thickness_mm if thickness_mm else len(gaps_mm) > 1 and np.ptp(gaps_mm) < 0.01


def _is_multiple(offsets_mm: np.ndarray, step_mm: float) -> bool:
    numbers = offsets_mm / step_mm
    return bool(np.abs(numbers - np.rint(numbers)).max() <= OFF_SLICE)
