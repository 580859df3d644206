"""Where a real patient's organs put the standard body: its heights, place and width, so that the rest can be painted.

The label map holds organs only. Muscles, fat, bones, bowel and vessels are those of the phantom, in coordinates in which
the map's organs lie where the standard body has its own. Between the organs that are found the coordinates are linear.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nnunetv2_muduo.phantom.anatomy import Grid
from nnunetv2_muduo.phantom.canvas import Canvas
from nnunetv2_muduo.phantom.fields import SmoothField
from nnunetv2_muduo.phantom.frame import BODY_BOX_ZYX
from nnunetv2_muduo.phantom.label_map import LabelMap
from nnunetv2_muduo.phantom.tissues import ID

_WARP_LENGTH_MM = 75.0
_CHEST_Z, _NECK_Z, _HEAD_Z = 200.0, 210.0, 340.0
_SCAN_Z = -500.0, 530.0  # thighs to vertex; what a longer scan shows of legs and air is left out
_LOW, _MIDDLE, _HIGH = 0, 1, 2  # percentiles 1, 50 and 99 of an organ's voxels
# Edges by which heights are found, and their heights in the standard body; organs of which one is enough come last.
_HEIGHTS = (
    ("bladder", _LOW, -345.0),
    ("kidney", _MIDDLE, -89.0),
    ("lung", _LOW, -25.0),
    ("lung", _HIGH, 193.0),
    ("brain", _LOW, 360.0),
    ("brain", _HIGH, 433.0),
)
_SPARE_HEIGHTS = (("liver", _MIDDLE, -21.0), ("spleen", _MIDDLE, -26.0), ("heart", _MIDDLE, 59.0))
_DEPTHS = (("bladder", -323.0, -13.0), ("kidney", -89.0, 27.0))  # organ, height, place from front to back


class Extent(NamedTuple):
    """Percentiles 1, 50 and 99 in mm of an organ's voxels along an axis, and whether the scan cuts it there."""

    mm: np.ndarray
    cut: tuple[bool, bool, bool]

    @property
    def center(self) -> float:
        """Middle between the two ends."""
        return float(self.mm[_LOW] + self.mm[_HIGH]) / 2

    @property
    def size(self) -> float:
        """Distance of the two ends."""
        return float(self.mm[_HIGH] - self.mm[_LOW])


Extents = dict[str, tuple[Extent, Extent, Extent]]


@dataclass(frozen=True)
class Placement:
    """The standard body in the scan: at knots of its height, the scan's height, the middle (x, y) and the size (x, y)."""

    z_standard: np.ndarray
    z_scan: np.ndarray
    section_z: np.ndarray
    section: np.ndarray  # (knots, 4): x, y, size along x, size along y

    def standard_z(self, z_scan_mm: np.ndarray) -> np.ndarray:
        """Heights in the standard body."""
        return np.interp(z_scan_mm, self.z_scan, self.z_standard)

    def scan_z(self, z_standard_mm) -> np.ndarray:
        """Heights in the scan."""
        return np.interp(z_standard_mm, self.z_standard, self.z_scan)

    def sections(self, z_standard_mm: np.ndarray) -> np.ndarray:
        """Middle and size (4, z) at heights of the standard body."""
        return np.stack([np.interp(z_standard_mm, self.section_z, column) for column in self.section.T])


def organ_extents(organs: LabelMap, kinds: Mapping[int, str]) -> Extents:
    """Extent along z, y, x of every kind of organ in the map."""
    extents = {}
    for kind in sorted(set(kinds.values())):
        values = [value for value, its_kind in kinds.items() if its_kind == kind]
        indices = np.nonzero(np.isin(organs.labels, values))
        if len(indices[0]):
            extents[kind] = tuple(map(_extent, indices, organs.axes_zyx))
    return extents


def _extent(indices: np.ndarray, axis: np.ndarray) -> Extent:
    ends = indices.min() == 0, False, indices.max() == len(axis) - 1
    return Extent(axis[0] + (axis[1] - axis[0]) * np.percentile(indices, (1, 50, 99)), ends)


def place_body(extents: Extents) -> Placement:
    """Find the standard body in a scan. Raises ValueError where no organ tells at what height the scan lies."""
    z_standard, z_scan = _height_knots(extents)
    width, depth, middle_x, middle_y = _chest(extents)
    rows = [(_CHEST_Z, middle_x, middle_y, width, depth), (90.0, middle_x, middle_y, width, depth)]
    belly = width
    if {"liver", "spleen"} <= extents.keys():
        right, left = extents["liver"][2].mm[_LOW], extents["spleen"][2].mm[_HIGH]
        belly = float(np.clip((left - right) / 238, 0.9 * width, 1.2 * width))
    for kind, z, y in _DEPTHS:
        if kind in extents:
            x_mm = extents[kind][2].center if kind == "bladder" else middle_x
            rows.append((z, x_mm, extents[kind][1].mm[_MIDDLE] - depth * y, belly, depth))
    if "brain" in extents:
        head = _head(extents)
        rows += [(_NECK_Z, *rows[0][1:]), (_HEAD_Z, *head)]
    rows = np.array(sorted(rows))
    return Placement(z_standard, z_scan, rows[:, 0], rows[:, 1:])


def _chest(extents: Extents) -> tuple[float, float, float, float]:
    """Width and depth of the chest relative to the standard body's, and its middle; of any organs without lungs."""
    if "lung" in extents:
        _, y, x = extents["lung"]
        width, depth = float(np.clip(x.size / 240, 0.75, 1.3)), float(np.clip(y.size / 152, 0.75, 1.35))
        return width, depth, x.center, y.center + 10.5 * depth
    middle_y, middle_x = (np.mean([extent[axis].center for extent in extents.values()]) for axis in (1, 2))
    return 1.0, 1.0, float(middle_x), float(middle_y)


def _head(extents: Extents) -> tuple[float, float, float, float]:
    z, y, x = extents["brain"]
    scale = 1.0 if z.size < 60 else float(np.clip((x.size / 118 + y.size / 142) / 2, 0.85, 1.2))
    return x.center, y.center + 46 * scale, scale, scale


def _height_knots(extents: Extents) -> tuple[np.ndarray, np.ndarray]:
    found = _heights(extents, _HEIGHTS) or _heights(extents, _SPARE_HEIGHTS)[:1]
    if not found:
        raise ValueError(
            "none of lungs, kidneys, bladder, brain, liver, spleen and heart is in the label map, so nothing says what "
            "part of the body it shows; check the organs' names"
        )
    knots = found[:1]
    for z, mm in found[1:]:
        if 0.4 < (mm - knots[-1][1]) / (z - knots[-1][0]) < 1.8:  # else one of the two lies where it should not
            knots.append((z, mm))
    z_standard, z_scan = np.array(knots).T
    size = 1.0 if len(knots) < 2 else np.clip(np.ptp(z_scan) / np.ptp(z_standard), 0.85, 1.15)
    far = np.array((-2000.0, 2000.0))
    return (
        np.r_[z_standard[0] + far[0], z_standard, z_standard[-1] + far[1]],
        np.r_[z_scan[0] + far[0] * size, z_scan, z_scan[-1] + far[1] * size],
    )


def _heights(extents: Extents, table) -> list[tuple[float, float]]:
    return [
        (z, float(extents[kind][0].mm[edge]))
        for kind, edge, z in table
        if kind in extents and not extents[kind][0].cut[edge] and not (edge == _MIDDLE and any(extents[kind][0].cut))
    ]


def crop_to_body(organs: LabelMap, placement: Placement, field_of_view_mm: tuple[float, float]) -> LabelMap:
    """The map from the thighs to the vertex and within the field of view (x, y), but never less than its organs."""
    x_mm, y_mm = placement.sections(np.array([90.0]))[:2, 0]
    half_x, half_y = np.array(field_of_view_mm) / 2
    wanted = (placement.scan_z(_SCAN_Z), (y_mm - half_y, y_mm + half_y), (x_mm - half_x, x_mm + half_x))
    slices = []
    for axis, indices, (low, high) in zip(organs.axes_zyx, np.nonzero(organs.labels), wanted, strict=True):
        start, stop = np.searchsorted(axis, (low, high))
        slices.append(slice(min(start, indices.min()), max(stop, indices.max() + 1)))
    return organs.crop(tuple(slices))


def body_canvas(
    organs: LabelMap, placement: Placement, shape_variation_mm: float, rng: np.random.Generator
) -> tuple[Canvas, Grid]:
    """A canvas of air in the standard body's coordinates, and the grid in mm from the standard body's origin."""
    z, y, x = organs.axes_zyx
    standard_z = placement.standard_z(z)
    middle_x, middle_y, width, depth = placement.sections(standard_z)
    chest_x, chest_y, chest_width, chest_depth = placement.sections(np.array([90.0]))[:, 0]
    axes = standard_z, (y - chest_y) / chest_depth, (x - chest_x) / chest_width
    axes = tuple(axis.astype(np.float32) for axis in axes)
    warps = [np.float32(shape_variation_mm) * SmoothField(rng, *BODY_BOX_ZYX, _WARP_LENGTH_MM)(axes) for _ in range(3)]
    warps[0] += axes[0][:, None, None]
    for warp, along, middle, size, shape in ((1, y, middle_y, depth, (1, -1, 1)), (2, x, middle_x, width, (1, 1, -1))):
        warps[warp] += ((along.reshape(shape) - middle[:, None, None]) / size[:, None, None]).astype(np.float32)
    margin_mm = 24 + max(np.abs(middle_x - chest_x).max(), np.abs(middle_y - chest_y).max())
    tissue = np.full(organs.labels.shape, ID["air"], np.uint8)
    spacing_mm = organs.spacing_zyx[0]
    canvas = Canvas(tissue, warps[2], warps[1], warps[0], axes, spacing_mm**3 / 1000, float(margin_mm))
    return canvas, Grid((z - placement.scan_z(0.0), y - chest_y, x - chest_x), spacing_mm)
