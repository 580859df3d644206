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
    for voxel in outside:
        if obeyed[tuple(voxel)]:
            _take_away(obeyed, voxel, inside, spacing_mm)
    for voxel in inside:
        if not obeyed[tuple(voxel)]:
            _paint(obeyed, voxel, _free_radius_mm(voxel, outside, ADDED_MM, spacing_mm), spacing_mm, True)
    return Obeyed(obeyed, int(np.count_nonzero(obeyed != mask)))


def _take_away(mask: np.ndarray, voxel: np.ndarray, inside: np.ndarray, spacing_mm: np.ndarray) -> None:
    components, _ = ndimage.label(mask, CONNECTED)
    component = components[tuple(voxel)]
    if component in components[tuple(inside.T)]:
        _paint(mask, voxel, _free_radius_mm(voxel, inside, BALL_MM, spacing_mm), spacing_mm, False)
    else:
        mask[components == component] = False


def _free_radius_mm(voxel: np.ndarray, others: np.ndarray, most_mm: float, spacing_mm: np.ndarray) -> float:
    """Less than half the way to the nearest of the other clicks, so that balls around both never meet."""
    distances_mm = np.linalg.norm((others - voxel) * spacing_mm, axis=1)
    return min(most_mm, 0.49 * distances_mm.min(initial=np.inf))


def _paint(mask: np.ndarray, voxel: np.ndarray, radius_mm: float, spacing_mm: np.ndarray, value: bool) -> None:
    """Set a ball around a voxel, which is always part of it."""
    box, inside = ball(voxel, radius_mm, spacing_mm, mask.shape)
    mask[box][inside] = value
    mask[tuple(voxel)] = value
