"""Placement of the standard body around a real patient's organs: heights, position, width and depth.

The answer is linear between the organs that are found in the label map.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nnunetv2_muduo.phantom.label_map import LabelMap

CHEST_Z = 90.0
_NECK_Z, _HEAD_Z = 210.0, 340.0
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


class Middle(NamedTuple):
    """Where the standard body's middle lies in the scan, in mm, and how large the body is relative to it."""

    x: float
    y: float
    width: float
    depth: float


Extents = dict[str, tuple[Extent, Extent, Extent]]


@dataclass(frozen=True)
class Placement:
    """The standard body in the scan: at knots of its height, the scan's height, the middle (x, y) and the size (x, y)."""

    z_standard: np.ndarray
    z_scan: np.ndarray
    section_z: np.ndarray
    section: np.ndarray  # (knots, 4), see Middle

    def standard_z(self, z_scan_mm: np.ndarray) -> np.ndarray:
        """Heights in the standard body."""
        return np.interp(z_scan_mm, self.z_scan, self.z_standard)

    def scan_z(self, z_standard_mm) -> np.ndarray:
        """Heights in the scan."""
        return np.interp(z_standard_mm, self.z_standard, self.z_scan)

    def sections(self, z_standard_mm: np.ndarray) -> np.ndarray:
        """Middle and size (4, z), see Middle, at heights of the standard body."""
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
    chest = _chest(extents)
    sections = {CHEST_Z: chest, _NECK_Z: chest} | _belly(extents, chest)
    if "brain" in extents:
        sections[_HEAD_Z] = _head(extents)
    heights = sorted(sections)
    return Placement(z_standard, z_scan, np.array(heights), np.array([sections[z] for z in heights]))


def _chest(extents: Extents) -> Middle:
    """Of the lungs; without lungs, the middle of all organs and the standard size."""
    if "lung" in extents:
        _, y, x = extents["lung"]
        width, depth = np.clip(x.size / 240, 0.75, 1.3), np.clip(y.size / 152, 0.75, 1.35)
        return Middle(x.center, y.center + 10.5 * depth, width, depth)
    middle_y, middle_x = (np.mean([extent[axis].center for extent in extents.values()]) for axis in (1, 2))
    return Middle(middle_x, middle_y, 1.0, 1.0)


def _belly(extents: Extents, chest: Middle) -> dict[float, Middle]:
    """As wide as from liver to spleen; from front to back where kidneys and bladder lie."""
    width = chest.width
    if {"liver", "spleen"} <= extents.keys():
        right, left = extents["liver"][2].mm[_LOW], extents["spleen"][2].mm[_HIGH]
        width = np.clip((left - right) / 238, 0.9 * width, 1.2 * width)
    sections = {}
    for kind, z, standard_y in _DEPTHS:
        if kind in extents:
            _, y, x = extents[kind]
            middle_x = x.center if kind == "bladder" else chest.x  # the other kidney may be missing
            sections[z] = Middle(middle_x, y.mm[_MIDDLE] - chest.depth * standard_y, width, chest.depth)
    return sections


def _head(extents: Extents) -> Middle:
    z, y, x = extents["brain"]
    size = 1.0 if z.size < 60 else np.clip((x.size / 118 + y.size / 142) / 2, 0.85, 1.2)  # cut brains look small
    return Middle(x.center, y.center + 46 * size, size, size)


def _height_knots(extents: Extents) -> tuple[np.ndarray, np.ndarray]:
    found = _heights(extents, _HEIGHTS) or _heights(extents, _SPARE_HEIGHTS)[:1]
    if not found:
        raise ValueError(
            "none of lungs, kidneys, bladder, brain, liver, spleen and heart is in the label map, so nothing says what "
            "part of the body it shows; check the organs' names"
        )
    knots = _most_in_order(found)
    z_standard, z_scan = np.array(knots).T
    size = 1.0 if len(knots) < 2 else np.clip(np.ptp(z_scan) / np.ptp(z_standard), 0.85, 1.15)
    far = np.array((-2000.0, 2000.0))
    return (
        np.r_[z_standard[0] + far[0], z_standard, z_standard[-1] + far[1]],
        np.r_[z_scan[0] + far[0] * size, z_scan, z_scan[-1] + far[1] * size],
    )


def _most_in_order(found: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """As many of the heights as possible whose distances are those of a body; others belong to misplaced organs."""
    choices = (chosen for n in range(len(found), 0, -1) for chosen in itertools.combinations(found, n))
    return next(
        chosen
        for chosen in choices
        if all(0.4 < (b[1] - a[1]) / (b[0] - a[0]) < 1.8 for a, b in itertools.pairwise(chosen))
    )


def _heights(extents: Extents, table) -> list[tuple[float, float]]:
    return [
        (z, float(extents[kind][0].mm[edge]))
        for kind, edge, z in table
        if kind in extents and not extents[kind][0].cut[edge] and not (edge == _MIDDLE and any(extents[kind][0].cut))
    ]
