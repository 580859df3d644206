"""Share of two surfaces near each other, each piece of surface counted by its area, as CVPR 2025's challenge does.

A surface element is a place between eight voxels that are not all alike; its area is that of the marching cubes' polygons there.
Sources: Nikolov et al. (2021), https://doi.org/10.2196/26151; https://github.com/google-deepmind/surface-distance.
"""

from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes, mesh_surface_area

from nnunetv2_muduo.evaluation.metrics import Spacing
from nnunetv2_muduo.evaluation.surface import ROUNDING

_N_CODES = 256
_CORNERS = [(z, y, x) for z in (0, 1) for y in (0, 1) for x in (0, 1)]


def surface_dice(prediction: np.ndarray, truth: np.ndarray, spacing_mm: Spacing, tolerance_mm: float) -> float:
    """Area of both surfaces within the tolerance of the other one, over the area of both.

    Args:
        prediction, truth: boolean (z, y, x); beyond the image is outside.

    Returns:
        0 where one of them is empty, NaN where both are.
    """
    places, areas = zip(*(surface_elements(mask, spacing_mm) for mask in (prediction, truth)), strict=True)
    if not len(places[0]) or not len(places[1]):
        return np.nan if len(places[0]) == len(places[1]) else 0.0
    near = 0.0
    for ours, other in ((0, 1), (1, 0)):
        distances_mm = cKDTree(places[other]).query(places[ours])[0]
        near += areas[ours][distances_mm <= tolerance_mm * ROUNDING].sum()
    return float(near / (areas[0].sum() + areas[1].sum()))


def surface_elements(mask: np.ndarray, spacing_mm: Spacing) -> tuple[np.ndarray, np.ndarray]:
    """Places in mm [n, 3] and areas in mm² [n] of a boolean mask's surface elements."""
    padded = np.pad(mask, 1)
    code = np.zeros(np.subtract(padded.shape, 1), np.uint8)
    for bit, corner in enumerate(_CORNERS):
        part = padded[tuple(slice(c, c + n) for c, n in zip(corner, code.shape, strict=True))]
        code |= part.astype(np.uint8) << np.uint8(bit)
    places = np.argwhere((code > 0) & (code < _N_CODES - 1))
    return places * np.array(spacing_mm), _areas_mm2(tuple(map(float, spacing_mm)))[code[tuple(places.T)]]


@lru_cache(maxsize=16)
def _areas_mm2(spacing_mm: Spacing) -> np.ndarray:
    """Area of the polygons between eight voxels, by the code of those that are inside.

    Inside and outside may be exchanged. Of ambiguous ones the smaller area counts, as in the published tables.
    """
    areas = np.zeros(_N_CODES)
    for code in range(1, _N_CODES - 1):
        corners = np.array([code >> bit & 1 for bit in range(len(_CORNERS))], float).reshape(2, 2, 2)
        vertices, faces, *_ = marching_cubes(corners, 0.5, method="lorensen")  # in float32, in which halves are exact
        areas[code] = mesh_surface_area(vertices.astype(float) * spacing_mm, faces)
    return np.minimum(areas, areas[::-1])
