"""Organs of a label map, painted on the canvas of the body that was painted around them."""

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects

from nnunetv2_muduo.phantom.anatomy import ScanGrid
from nnunetv2_muduo.phantom.canvas import Canvas, ellipsoid
from nnunetv2_muduo.phantom.fields import SmoothField
from nnunetv2_muduo.phantom.organs import tissues_of
from nnunetv2_muduo.phantom.thorax import paint_chambers
from nnunetv2_muduo.phantom.tissues import ID

_WITH_CYSTS = ("liver", "kidney", "spleen")
_MUSCLE_MM, _SKULL_MM = 10.0, 8.0


def cover_organs(canvas: Canvas, organ_labels: np.ndarray, kinds: Mapping[int, str], fat_mm: float) -> None:
    """Make room for the map's organs: what the standard body has of their kinds goes, no organ touches skin or air."""
    distance_mm = _distance_mm(organ_labels > 0, canvas.spacing_mm)
    surface_mm = _MUSCLE_MM + fat_mm
    outside = canvas.isin(("air",))
    canvas.paint(outside & (distance_mm <= surface_mm), "skin")
    canvas.paint(outside & (distance_mm <= surface_mm - max(2.0, 0.75 * canvas.spacing_mm)), "fat")
    canvas.paint(distance_mm <= _MUSCLE_MM, "muscle", over=("air", "skin", "fat"))
    for kind in set(kinds.values()):
        canvas.paint(canvas.isin([name for name in tissues_of(kind) if name in ID]), "muscle")
    brain = np.isin(organ_labels, [value for value, kind in kinds.items() if kind == "brain"])
    if brain.any():
        near = _distance_mm(brain, canvas.spacing_mm) <= max(_SKULL_MM, canvas.spacing_mm)
        canvas.paint(near, "cortical_bone")


def _distance_mm(mask: np.ndarray, spacing_mm: float) -> np.ndarray:
    return distance_transform_edt(~mask, sampling=spacing_mm)


def paint_organs(
    canvas: Canvas,
    organ_labels: np.ndarray,
    grid: ScanGrid,
    tissue_ids: Mapping[str, int],
    kinds: Mapping[int, str],
    cyst_fraction: float,
    rng: np.random.Generator,
) -> None:
    """Put the map's organs on the canvas, with what is inside them.

    tissue_ids: index of every tissue of `organs.tissue_table`.
    """
    for value, box in enumerate(find_objects(organ_labels), start=1):
        if box is None:
            continue
        view, mask, kind = _scan_view(canvas, box, grid), organ_labels[box] == value, kinds[value]
        view.tissue[mask] = tissue_ids[tissues_of(kind)[0]]
        if kind in _INSIDES:
            _INSIDES[kind](view, mask, rng)
        if kind in _WITH_CYSTS and rng.random() < cyst_fraction:
            view.tissue[_cyst_mask(view, mask, rng)] = tissue_ids["cyst"]


def _scan_view(canvas: Canvas, box: tuple[slice, slice, slice], grid: ScanGrid) -> Canvas:
    """A part of the canvas in the scan's own mm."""
    axes = tuple(axis[part].astype(np.float32) for axis, part in zip(grid.axes_zyx, box, strict=True))
    z, y, x = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    return Canvas(canvas.tissue[box], x, y, z, axes, canvas.voxel_ml)


def _depth_mm(view: Canvas, mask: np.ndarray) -> np.ndarray:
    """Distance of the mask's voxels to its surface; 0 or less outside."""
    inside = distance_transform_edt(np.pad(mask, 1), sampling=view.spacing_mm)[1:-1, 1:-1, 1:-1]
    return inside - view.spacing_mm / 2


def _center(view: Canvas, mask: np.ndarray) -> np.ndarray:
    """Center of mass (x, y, z)."""
    return np.array([axis[i].mean() for axis, i in zip(view.axes_zyx, np.nonzero(mask), strict=True)])[::-1]


def _paint_kidneys(view: Canvas, mask: np.ndarray, rng: np.random.Generator) -> None:
    depth = _depth_mm(view, mask)
    view.paint(depth > rng.uniform(0.5, 0.7) * depth.max(), "kidney_pelvis_left")


def _paint_stomach(view: Canvas, mask: np.ndarray, rng: np.random.Generator) -> None:
    content = _depth_mm(view, mask) > 5
    view.paint(content, "stomach_content")
    if content.any():
        n_gas = rng.uniform(0, 0.6) * content.sum()
        level = np.broadcast_to(view.y, mask.shape)  # gas collects in front
        view.paint(content & (level < np.sort(level[content])[int(n_gas)]), "gas")


def _paint_heart(view: Canvas, mask: np.ndarray, rng: np.random.Generator) -> None:
    size = (mask.sum() * view.voxel_ml / 620) ** (1 / 3)
    center = _center(view, mask) + rng.normal(0, 3, 3)
    paint_chambers(view, mask, mask & (_depth_mm(view, mask) < 4), center, size)


def _paint_brain(view: Canvas, mask: np.ndarray, rng: np.random.Generator) -> None:
    lo, hi = zip(*((axis[0], axis[-1]) for axis in view.axes_zyx), strict=True)
    folds = SmoothField(rng, lo, hi, 13)(view.axes_zyx)
    depth = _depth_mm(view, mask)
    view.paint(depth > 11 + 7 * folds, "white_matter")
    center = _center(view, mask)
    view.paint(mask & (ellipsoid(view, center, (26, 32, 16)) < 1), "gray_matter")
    for side in (-1, 1):
        ventricle = ellipsoid(view, center + np.array((side * 10, 5, 7)), (7, 32, 10))
        view.paint(mask & (ventricle < 1), "ventricle")


def _cyst_mask(view: Canvas, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A ball of 16 to 40 mm around a voxel of the organ, as far as it lies in the organ."""
    place = np.argwhere(mask)[rng.integers(mask.sum())]
    center = [axis[i] for axis, i in zip(view.axes_zyx, place, strict=True)][::-1]
    return mask & (ellipsoid(view, center, (rng.uniform(8, 20),) * 3) < 1)


_INSIDES = {"kidney": _paint_kidneys, "stomach": _paint_stomach, "heart": _paint_heart, "brain": _paint_brain}
