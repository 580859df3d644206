"""The promise of a click, kept by rule: each positive one lies inside the mask, each negative one outside.

A negative click takes away its connected component. Where a positive click holds the same component, it is the object itself:
then a ball around the negative click is taken, which reaches at most half the way to the nearest positive one.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from nnunetv2_muduo.prompting.space import CONNECTED, ball

BALL_MM = 10.0
"""Largest radius of what a click takes away from, or adds to, an object by itself."""
ADDED_MM = 5.0


@dataclass(frozen=True)
class Obeyed:
    """A mask (z, y, x) that keeps the promise, and the voxels that the rule took or added."""

    mask: np.ndarray
    n_changed: int


def obey(mask: np.ndarray, inside: np.ndarray, outside: np.ndarray, spacing_mm: np.ndarray) -> Obeyed:
    """Keep the promise of clicks.

    Args:
        mask: boolean (z, y, x).
        inside, outside: voxels [n, 3] of positive and negative clicks, no voxel in both.
        spacing_mm: voxel size along (z, y, x).
    """
    obeyed = mask.copy()
    if obeyed[tuple(outside.T)].any():
        components = _Components(obeyed)
        for voxel in outside:
            if obeyed[tuple(voxel)]:
                components.take_away(voxel, inside, spacing_mm)
    for voxel in inside:
        if not obeyed[tuple(voxel)]:
            _paint(obeyed, voxel, _free_radius_mm(voxel, outside, ADDED_MM, spacing_mm), spacing_mm, True)
    return Obeyed(obeyed, int(np.count_nonzero(obeyed != mask)))


class _Components:
    """Components of a mask that loses voxels: labeled once, and one of them again where a ball may have split it."""

    def __init__(self, mask: np.ndarray):
        self.mask = mask
        self.labels, _ = ndimage.label(mask, CONNECTED)
        self.boxes = ndimage.find_objects(self.labels)

    def take_away(self, voxel: np.ndarray, inside: np.ndarray, spacing_mm: np.ndarray) -> None:
        """The voxel's component, or a ball where a positive click holds it."""
        component = self.labels[tuple(voxel)]
        box = self.boxes[component - 1]
        is_part = self.labels[box] == component
        if component not in self.labels[tuple(inside.T)]:
            self.mask[box][is_part] = False
            return
        _paint(self.mask, voxel, _free_radius_mm(voxel, inside, BALL_MM, spacing_mm), spacing_mm, False)
        pieces, _ = ndimage.label(self.mask[box] & is_part, CONNECTED)
        n_before = len(self.boxes)
        self.labels[box][is_part] = np.where(pieces > 0, pieces + n_before, 0)[is_part]
        for piece in ndimage.find_objects(pieces):
            self.boxes.append(
                tuple(slice(o.start + p.start, o.start + p.stop) for o, p in zip(box, piece, strict=True))
            )


def _free_radius_mm(voxel: np.ndarray, others: np.ndarray, most_mm: float, spacing_mm: np.ndarray) -> float:
    """Less than half the way to the nearest of the other clicks, so that balls around both never meet."""
    distances_mm = np.linalg.norm((others - voxel) * spacing_mm, axis=1)
    return min(most_mm, 0.49 * distances_mm.min(initial=np.inf))


def _paint(mask: np.ndarray, voxel: np.ndarray, radius_mm: float, spacing_mm: np.ndarray, value: bool) -> None:
    """Set a ball around a voxel, which is always part of it."""
    box, inside = ball(voxel, radius_mm, spacing_mm, mask.shape)
    mask[box][inside] = value
    mask[tuple(voxel)] = value
