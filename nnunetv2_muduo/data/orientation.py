"""Orientation in which images are stored: unlabeled cases are brought into that of the labeled ones, voxel by voxel.

nnU-Net takes arrays as they are stored. Where label names tell left from right, a case that is stored the other way around
would be seen mirrored, by networks that know sides by their place alone.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nnunetv2_muduo.imageio.grid import orientation_of

_AXES = ("LR", "PA", "SI")


def common_orientation(directions: Iterable[Sequence[float] | None]) -> str | None:
    """The orientation that all images have; None where they differ, or where one is unknown."""
    orientations = {orientation_of(direction) if direction else None for direction in directions}
    return orientations.pop() if len(orientations) == 1 else None


def reoriented(images: np.ndarray, properties: dict[str, Any], orientation: str) -> tuple[np.ndarray, dict[str, Any]]:
    """An image with its axes permuted and reversed, so that it is stored in another orientation. No voxel is changed.

    Args:
        images: [C, z, y, x], as nnU-Net's SimpleITK reader gives it.
        properties: of the same reader. Those of other readers, which know no direction, come back as they are.
    """
    if "sitk_stuff" not in properties:
        return images, properties
    stuff = properties["sitk_stuff"]
    axes, signs = _axes_and_signs(orientation_of(stuff["direction"]), orientation)
    columns = np.reshape(stuff["direction"], (3, 3))[:, axes]
    sizes, spacing_mm = np.array(images.shape[:0:-1])[axes], np.array(stuff["spacing"])[axes]
    first_voxel_mm = np.array(stuff["origin"]) + columns @ np.where(signs < 0, (sizes - 1) * spacing_mm, 0)
    images = images.transpose(0, *(3 - axis for axis in reversed(axes)))  # arrays are (z, y, x)
    images = np.flip(images, [3 - axis for axis in range(3) if signs[axis] < 0])
    stuff = {
        "origin": tuple(first_voxel_mm.tolist()),
        "spacing": tuple(spacing_mm.tolist()),
        "direction": tuple((columns * signs).ravel().tolist()),
    }
    return np.ascontiguousarray(images), {**properties, "sitk_stuff": stuff, "spacing": spacing_mm[::-1].tolist()}


def _axes_and_signs(orientation: str, wanted: str) -> tuple[list[int], np.ndarray]:
    """For each wanted axis: which of the present ones it is, and 1, or -1 where it is to be reversed."""
    axes = [next(i for i, letter in enumerate(orientation) if {letter, other} <= _pair(other)) for other in wanted]
    return axes, np.array([1 if orientation[i] == letter else -1 for i, letter in zip(axes, wanted, strict=True)])


def _pair(letter: str) -> set[str]:
    return next(set(letters) for letters in _AXES if letter in letters)
