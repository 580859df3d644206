"""Slices that a figure shows of a case: the body's box, the slices with most organs in sight, and 2D views with organ masks.

Arrays have axes (z, y, x), towards the head, the back and the patient's left (DICOM's LPS). Views are drawn as
radiologists look at them: head or belly up, the patient's right on the left.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

BODY_HU = -300
COARSE_STEPS = (2, 4, 4)
OPENING = 2  # coarse voxels; parts the table from the body

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class View:
    """A 2D image with the masks of organs in it, rows downwards; `pixel_mm` is (row, column)."""

    image: np.ndarray
    masks: dict[int, np.ndarray]
    pixel_mm: tuple[float, float]


def body_box(ct_hu: np.ndarray) -> Box:
    """Box around the largest object denser than `BODY_HU`, without the table; the whole image if there is none."""
    coarse = ct_hu[tuple(slice(None, None, step) for step in COARSE_STEPS)] > BODY_HU
    objects, n_objects = ndimage.label(ndimage.binary_opening(coarse, iterations=OPENING))
    if n_objects == 0:
        return tuple(slice(0, n) for n in ct_hu.shape)
    largest = np.argmax(np.bincount(objects.ravel())[1:])
    box = ndimage.find_objects(objects)[largest]
    margins = [OPENING * step for step in COARSE_STEPS]
    return tuple(
        slice(max(s.start * step - margin, 0), s.stop * step + margin)
        for s, step, margin in zip(box, COARSE_STEPS, margins, strict=True)
    )


def best_slice(labels: np.ndarray, axis: int) -> int:
    """Index of the slice that shows the organs at their largest, all organs counting alike; the middle if none is."""
    others = tuple(other for other in range(3) if other != axis)
    score = np.zeros(labels.shape[axis])
    for value in np.unique(labels[labels > 0]):
        area = np.count_nonzero(labels == value, axis=others)
        score += area / area.max()
    return int(score.argmax()) if score.any() else labels.shape[axis] // 2


def axial_view(image: np.ndarray, labels: np.ndarray, index: int, spacing_mm: tuple) -> View:
    """Slice across the body."""
    return View(image[index], _masks(labels[index]), spacing_mm[1:])


def coronal_view(image: np.ndarray, labels: np.ndarray, index: int, spacing_mm: tuple) -> View:
    """Slice from left to right and head to foot."""
    return View(image[::-1, index], _masks(labels[::-1, index]), spacing_mm[::2])


def coronal_projection(image: np.ndarray, labels: np.ndarray, spacing_mm: tuple) -> View:
    """Maximum-intensity projection from front to back, with the organs' outlines as seen from the front."""
    masks = {value: (labels[::-1] == value).any(axis=1) for value in _values(labels)}
    return View(image[::-1].max(axis=1), masks, spacing_mm[::2])


def _masks(labels: np.ndarray) -> dict[int, np.ndarray]:
    return {value: labels == value for value in _values(labels)}


def _values(labels: np.ndarray) -> list[int]:
    return np.unique(labels[labels > 0]).tolist()
