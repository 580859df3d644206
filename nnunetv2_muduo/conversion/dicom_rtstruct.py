"""Reader of DICOM RTSTRUCT: the contours of its ROIs as a label map on the grid of the series on which they were drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.contour_raster import distances_to_slices, rasterize
from nnunetv2_muduo.conversion.dicom_label_file import DicomLabelFile, grid_of_series
from nnunetv2_muduo.conversion.named_labels import WantedLabel
from nnunetv2_muduo.conversion.named_masks import LabelVolume, choose_masks
from nnunetv2_muduo.imageio.grid import Grid, set_grid
from nnunetv2_muduo.imageio.refusal import CaseRefused

AREAS = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
"""Geometric types of contours that enclose something; the others are points and open lines."""
ON_SLICE = 0.1
"""Contours were drawn on a series if they lie no farther from its slices than this share of the slices' distance."""


@dataclass
class Roi:
    """Name of an ROI, its closed contours as (n, 3) points in mm (LPS), and how many of other types it has."""

    name: str
    contours_mm: list[np.ndarray] = field(default_factory=list)
    other_types: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RtStructFile(DicomLabelFile):
    """One RTSTRUCT file; the values of its ROIs follow their names."""

    kind = "RTSTRUCT"

    def _label_map(self, dataset) -> sitk.Image:
        rois = read_rois(dataset)
        chosen = choose_masks({number: roi.name for number, roi in rois.items() if roi.contours_mm}, self.wanted)
        if not chosen:
            raise CaseRefused(what_is_missing(rois, self.wanted))
        grid, reason = self._grid([contour for number in chosen for contour in rois[number].contours_mm])
        values = {name: value for value, name in enumerate(sorted(set(chosen.values()), key=str.casefold), 1)}
        volume = LabelVolume(grid.size[::-1], {value: name for name, value in values.items()}, bool(self.wanted))
        volume.remarks += [*reason, *remarks_on_rois(rois, chosen)]
        for number, name in chosen.items():
            _add_roi(volume, rois[number], values[name], grid)
        return set_grid(volume.image(), grid)

    def _grid(self, contours_mm: list[np.ndarray]) -> tuple[Grid, list[str]]:
        """Grid of the first series on whose slices all contours lie, else of the first one, which then is said."""
        if not self.images:
            raise CaseRefused("RTSTRUCT: the series on which its contours were drawn is not there")
        grids = []
        for image in self.images:
            grid = grid_of_series(image)
            if _lie_on_slices(contours_mm, grid):
                return grid, []
            grids.append(grid)
        return grids[0], [f"contours lie between the slices of {self.images[0]}; each was put on the nearest slice"]


def read_rois(dataset) -> dict[int, Roi]:
    """ROIs of a pydicom RTSTRUCT data set by their number, also those without contours."""
    rois = {
        int(one.ROINumber): Roi(str(one.get("ROIName") or f"ROI {one.ROINumber}"))
        for one in dataset.get("StructureSetROISequence") or ()
    }
    for item in dataset.get("ROIContourSequence") or ():
        number = int(item.ReferencedROINumber)
        roi = rois.setdefault(number, Roi(f"ROI {number}"))
        for contour in item.get("ContourSequence") or ():
            _add_contour(roi, contour)
    return rois


def _add_contour(roi: Roi, contour) -> None:
    numbers_mm = _contour_data(contour)
    kind = str(contour.get("ContourGeometricType") or "").strip()
    if not len(numbers_mm):
        return
    if kind not in AREAS:
        roi.other_types.append(kind or "without a type")
        return
    if len(numbers_mm) % 3:
        raise CaseRefused(
            f"ROI {roi.name!r}: ContourData (3006,0050) has {len(numbers_mm)} numbers, which are no points"
        )
    roi.contours_mm.append(numbers_mm.reshape(-1, 3))


def _contour_data(contour) -> np.ndarray:
    """Numbers of a contour. pydicom's own way through millions of them takes ten times as long."""
    element = contour.get_item("ContourData")
    text = element.value if element is not None else None
    if isinstance(text, bytes):
        return np.array(text.strip(b" \0").split(b"\\") if text.strip(b" \0") else [], float)
    return np.atleast_1d(np.asarray([] if text is None else text, float))


def what_is_missing(rois: dict[int, Roi], wanted: Sequence[WantedLabel]) -> str:
    """Why nothing in an RTSTRUCT can be used."""
    if not rois:
        return "RTSTRUCT without an ROI"
    with_contours = [roi.name for roi in rois.values() if roi.contours_mm]
    if not with_contours:
        return "RTSTRUCT without closed contours; its ROIs are " + ", ".join(_described(roi) for roi in rois.values())
    named, found = ", ".join(map(str, wanted)), ", ".join(with_contours)
    return f"RTSTRUCT without an ROI that labels.json names ({named}); its ROIs are {found}"


def _described(roi: Roi) -> str:
    return f"{roi.name} ({', '.join(sorted(set(roi.other_types))) or 'no contours'})"


def remarks_on_rois(rois: dict[int, Roi], chosen: dict[int, str]) -> list[str]:
    """ROIs and contours that are left out."""
    unnamed = [roi.name for number, roi in rois.items() if number not in chosen and roi.contours_mm]
    empty = [_described(roi) for roi in rois.values() if not roi.contours_mm]
    partly = [_described(rois[number]) for number in chosen if rois[number].other_types]
    return [
        f"{text}: {', '.join(names)}"
        for text, names in (
            ("ROIs that labels.json doesn't name", unnamed),
            ("ROIs without closed contours", empty),
            ("contours that enclose nothing were left out of ROIs", partly),
        )
        if names
    ]


def _indices(contour_mm: np.ndarray, grid: Grid) -> np.ndarray:
    """(n, 3) continuous voxel indices (x, y, z) of points in mm."""
    return (contour_mm - np.asarray(grid.origin_mm)) @ np.linalg.inv(grid.matrix).T


def _lie_on_slices(contours_mm: list[np.ndarray], grid: Grid) -> bool:
    try:
        return distances_to_slices([_indices(contour, grid) for contour in contours_mm]).max() < ON_SLICE
    except CaseRefused:
        return False


def _add_roi(volume: LabelVolume, roi: Roi, value: int, grid: Grid) -> None:
    try:
        mask, n_beside = rasterize([_indices(contour, grid) for contour in roi.contours_mm], grid.size)
    except CaseRefused as error:
        raise CaseRefused(f"ROI {roi.name!r}: {error}") from error
    if not mask.any():
        raise CaseRefused(f"ROI {roi.name!r} lies outside of the series on which it was drawn\n  series: {grid}")
    if n_beside:
        volume.remarks.append(
            f"{n_beside} of {len(roi.contours_mm)} contours of ROI {roi.name!r} lie beyond the last slices"
        )
    (slices,) = np.nonzero(mask.any((1, 2)))
    part = slice(slices[0], slices[-1] + 1)
    volume.add(mask[part], value, part)
