"""Parts of predicted organs that lie farther from the organ than organs are long.

A network trained on few labels finds a bit of heart in the pelvis. Keeping an organ's largest part alone, nnU-Net's
postprocessing, would remove that bit, and with it half of a vessel that was predicted with a gap. How long an organ can be
tells the two apart, and the labeled cases know it. Organs in two parts and scattered lesions keep their parts: their labels
reach as far.
"""

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

TOLERANCE = 1.25
"""Times the largest extent in the labeled cases, for patients who are larger than those."""

_TOUCHING = np.ones((3, 3, 3))  # voxels that share a face, an edge or a corner

Extents = dict[int, np.ndarray]
"""Millimeters [3] that an organ (label value) reaches at most, along each axis of the patient."""


def largest_extents_mm(
    true_maps: Iterable[tuple[np.ndarray, tuple[float, float, float]]], organs: list[int]
) -> Extents:
    """How far organs reach, over all true maps.

    Args:
        true_maps: organ map [a, b, c] and spacing in mm along its axes, which are the same axes of the patient in all maps.

    Returns:
        The organs that occur in the maps.
    """
    extents: Extents = {}
    for true_map, spacing_mm in true_maps:
        for organ, box in zip(range(1, max(organs) + 1), ndimage.find_objects(true_map, max(organs)), strict=True):
            if organ in organs and box is not None:
                extents[organ] = np.maximum(extents.get(organ, np.zeros(3)), _n_voxels(box) * spacing_mm)
    return extents


def remove_distant_parts(
    organ_map: np.ndarray, spacing_mm: tuple[float, float, float], extents_mm: Extents
) -> tuple[np.ndarray, dict[int, list[int]]]:
    """Set parts to background that do not fit, with the organ's larger parts, into the organ's extents.

    Args:
        organ_map: label values [a, b, c], in the axes of `extents_mm`.
        extents_mm: the organs to look at; see `largest_extents_mm`.

    Returns:
        A copy of the map, and the voxels of every part that was removed, by organ.
    """
    cleaned, removed = organ_map.copy(), {}
    for organ, extent_mm in extents_mm.items():
        parts, n_parts = ndimage.label(organ_map == organ, _TOUCHING)
        distant = _distant(parts, n_parts, TOLERANCE * extent_mm / spacing_mm)
        if distant:
            cleaned[np.isin(parts, distant)] = 0
            removed[organ] = [int(np.count_nonzero(parts == part)) for part in distant]
    return cleaned, removed


def _distant(parts: np.ndarray, n_parts: int, most_voxels: np.ndarray) -> list[int]:
    """Parts that don't fit into a box of `most_voxels` [3] around the larger ones. The largest part always fits."""
    boxes = ndimage.find_objects(parts)
    largest_first = 1 + np.argsort(-np.bincount(parts.ravel(), minlength=n_parts + 1)[1:], kind="stable")
    around, distant = None, []
    for part in largest_first.tolist():
        joined = boxes[part - 1] if around is None else _join(around, boxes[part - 1])
        if around is None or (_n_voxels(joined) <= np.maximum(most_voxels, _n_voxels(around))).all():
            around = joined
        else:
            distant.append(part)
    return distant


def _join(box: tuple[slice, ...], other: tuple[slice, ...]) -> tuple[slice, ...]:
    return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(box, other, strict=True))


def _n_voxels(box: tuple[slice, ...]) -> np.ndarray:
    """Length of a box's edges in voxels."""
    return np.array([edge.stop - edge.start for edge in box])
