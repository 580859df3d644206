"""Parts of predicted organs that lie where no organ can be: too far from the rest of it, or from the other organs.

A network trained on few labels finds a bit of heart in the pelvis, or more kidney in the brain than between the ribs. Keeping
each organ's largest part alone, nnU-Net's postprocessing, would keep that kidney, and would remove half of a vessel that was
predicted with a gap. How far organs reach, alone and two together, tells what can be, and the labeled cases know it. Organs
in two parts and scattered lesions keep their parts: their labels reach as far.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy import ndimage

TOLERANCE = 1.25
"""Times the largest extent in the labeled cases, for patients who are larger than those."""

_TOUCHING = np.ones((3, 3, 3))  # voxels that share a face, an edge or a corner

Box = tuple[slice, slice, slice]
Extents = dict[tuple[int, int], np.ndarray]
"""Millimeters [3] that two organs (label values, the smaller first) reach together at most, along each axis of the patient.

An organ alone is the pair of it and itself.
"""


@dataclass(frozen=True)
class Part:
    """A connected part of an organ: its voxels, as a mask within a box."""

    box: Box
    mask: np.ndarray

    @property
    def n_voxels(self) -> int:
        return int(np.count_nonzero(self.mask))


def largest_extents_mm(true_maps: Iterable[tuple[np.ndarray, np.ndarray]], organs: list[int]) -> Extents:
    """How far organs reach, alone and two together, over all true maps.

    Args:
        true_maps: organ map [a, b, c] and spacing in mm along its axes, which are the same axes of the patient in all maps.

    Returns:
        The pairs of organs that occur together in a map.
    """
    extents: Extents = {}
    for true_map, spacing_mm in true_maps:
        found = zip(range(1, max(organs) + 1), ndimage.find_objects(true_map, max(organs)), strict=True)
        boxes = {organ: box for organ, box in found if organ in organs and box is not None}
        for pair in combinations_with_replacement(boxes, 2):
            extent_mm = _n_voxels(_join(boxes[pair[0]], boxes[pair[1]])) * spacing_mm
            extents[pair] = np.maximum(extents.get(pair, 0), extent_mm)
    return extents


def remove_distant_parts(
    organ_map: np.ndarray, spacing_mm: np.ndarray, extents_mm: Extents
) -> tuple[np.ndarray, dict[int, list[int]]]:
    """Set parts of organs to background that lie too far away.

    Of each organ one part stays for certain, the largest one that lies where it can lie (see `_main_part`). The others stay,
    the larger ones first, as long as all of them together fit into the organ's extents.

    Args:
        organ_map: label values [a, b, c], in the axes of `extents_mm`.
        extents_mm: see `largest_extents_mm`; organs that it does not know are left alone.

    Returns:
        A copy of the map, and the voxels of every part that was removed, by organ.
    """
    most_voxels = {pair: TOLERANCE * extent_mm / spacing_mm for pair, extent_mm in extents_mm.items()}
    organs = sorted({organ for organ, _ in most_voxels} & set(np.unique(organ_map).tolist()))
    parts = {organ: _parts_largest_first(organ_map, organ) for organ in organs}
    cleaned, removed = organ_map.copy(), {}
    for organ in organs:
        distant = _distant_parts(organ, parts, most_voxels)
        for part in distant:
            cleaned[part.box][part.mask] = 0
        if distant:
            removed[organ] = [part.n_voxels for part in distant]
    return cleaned, removed


def _parts_largest_first(organ_map: np.ndarray, organ: int) -> list[Part]:
    labels, _ = ndimage.label(organ_map == organ, _TOUCHING)
    parts = [Part(box, labels[box] == number) for number, box in enumerate(ndimage.find_objects(labels), start=1)]
    return sorted(parts, key=lambda part: -part.n_voxels)


def _distant_parts(
    organ: int, parts: dict[int, list[Part]], most_voxels: dict[tuple[int, int], np.ndarray]
) -> list[Part]:
    around = _main_part(organ, parts, most_voxels).box
    limit = np.maximum(most_voxels[organ, organ], _n_voxels(around))
    distant = []
    for part in parts[organ]:
        joined = _join(around, part.box)
        if (_n_voxels(joined) <= limit).all():
            around = joined
        else:
            distant.append(part)
    return distant


def _main_part(organ: int, parts: dict[int, list[Part]], most_voxels: dict[tuple[int, int], np.ndarray]) -> Part:
    """The part with most voxels, times the square of the share of other organs that it can lie beside: place before size."""
    pairs = {other: (min(organ, other), max(organ, other)) for other in parts if other != organ}
    beside = [(parts[other][0].box, most_voxels[pair]) for other, pair in pairs.items() if pair in most_voxels]

    def weight(part: Part) -> float:
        fits = [(_n_voxels(_join(part.box, box)) <= most).all() for box, most in beside]
        return part.n_voxels * float(np.mean(fits or 1)) ** 2

    return max(parts[organ], key=weight)


def _join(box: Box, other: Box) -> Box:
    """The box around two boxes."""
    return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(box, other, strict=True))


def _n_voxels(box: Box) -> np.ndarray:
    """Length of a box's edges in voxels."""
    return np.array([edge.stop - edge.start for edge in box])
