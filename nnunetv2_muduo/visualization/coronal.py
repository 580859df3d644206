"""Coronal plane of a patch whose axes are those of nnU-Net's plans, seen as radiologists look at it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from nnunetv2_muduo.visualization.slices import best_slice

LEFT, BACK, HEAD = range(3)  # directions of the axes of DICOM's patient coordinates


@dataclass(frozen=True)
class CoronalPlane:
    """Plane `index` across the axis from front to back; `axes` and `signs` say which axes run to LEFT, BACK and HEAD.

    Sign 1 is an axis that runs to that side, -1 one that runs away from it.
    """

    axes: tuple[int, int, int]
    signs: tuple[int, int, int]
    index: int

    def cut(self, volume: ArrayLike) -> np.ndarray:
        """The plane [..., rows, columns] of volumes [..., a, b, c]: head up, the patient's right on the left."""
        plane = np.take(np.asarray(volume), self.index, axis=self.axes[BACK] - 3)
        if self.axes[HEAD] > self.axes[LEFT]:
            plane = plane.swapaxes(-1, -2)
        return plane[..., :: -self.signs[HEAD], :: self.signs[LEFT]]

    def pixel_mm(self, spacing_mm: Sequence[float]) -> tuple[float, float]:
        """Size of a pixel (row, column) from the spacing along a, b, c."""
        return spacing_mm[self.axes[HEAD]], spacing_mm[self.axes[LEFT]]


def coronal_plane(labels: np.ndarray, direction: Sequence[float], transpose_forward: Sequence[int]) -> CoronalPlane:
    """The plane that shows most of the organs in a label map [a, b, c].

    Args:
        direction: SimpleITK's direction cosines, nine values; empty where they are unknown, which counts as the identity.
        transpose_forward: the plan's transpose of the array (z, y, x).
    """
    cosines = np.reshape(direction, (3, 3)) if len(direction) else np.eye(3)
    cosines = cosines[:, [2 - axis for axis in transpose_forward]]  # SimpleITK's image axes are (x, y, z)
    _, axes = linear_sum_assignment(-np.abs(cosines))
    signs = [1 if cosines[side, axis] >= 0 else -1 for side, axis in enumerate(axes)]
    axes = tuple(int(axis) for axis in axes)
    return CoronalPlane(axes, tuple(signs), best_slice(labels, axes[BACK]))
