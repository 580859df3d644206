"""Figures of the objects in one label map, such as lesions: volume, uptake and place."""

import numpy as np
from scipy import ndimage

from nnunetv2_muduo.evaluation.metrics import PEAK_RADIUS_MM, measure_uptake, suv_peak, volume_ml
from nnunetv2_muduo.imageio.grid import Grid


def measure_objects(
    labels: np.ndarray, objects: dict[str, int], grid: Grid, pet_suv: np.ndarray | None = None
) -> list[dict[str, float | str | int]]:
    """Measure every object.

    Args:
        labels: integers, shape (z, y, x).
        objects: label value of each object, from 1.
        grid: on which the label map lies.
        pet_suv: PET of the same shape; None leaves the uptake out.

    Returns:
        A row for each object, in the order of `objects`: `object` (its label), `name`, `volume_ml`, with a PET `suv_mean`,
        `suv_max`, `suv_peak` (see `metrics.suv_peak`) and `tlg_suv_ml` (SUVmean times volume), and its center of mass
        `center_x_mm`, `center_y_mm`, `center_z_mm` in LPS. What an object without voxels has not is NaN.
    """
    boxes = ndimage.find_objects(labels, max(objects.values(), default=0))
    return [
        {"object": value, "name": name, **_measure(labels, value, boxes[value - 1], grid, pet_suv)}
        for name, value in objects.items()
    ]


def _measure(
    labels: np.ndarray, value: int, box: tuple[slice, ...] | None, grid: Grid, pet_suv: np.ndarray | None
) -> dict[str, float]:
    spacing_mm = grid.spacing_mm[::-1]
    box = _with_margin(box or (slice(0, 0),) * 3, spacing_mm, labels.shape)
    mask = labels[box] == value
    figures = {"volume_ml": volume_ml(mask, spacing_mm)}
    if pet_suv is not None:
        uptake = measure_uptake(mask, pet_suv[box], spacing_mm)
        figures |= {"suv_mean": uptake["mean"], "suv_max": uptake["max"]}
        figures |= {"suv_peak": suv_peak(mask, pet_suv[box], spacing_mm), "tlg_suv_ml": uptake["total"]}
    center_mm = _center_mm(mask, [axis.start for axis in box], grid)
    return figures | {f"center_{axis}_mm": mm for axis, mm in zip("xyz", center_mm, strict=True)}


def _with_margin(box: tuple[slice, ...], spacing_mm: tuple[float, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """A box with room for the spheres of SUVpeak, as far as the image reaches."""
    margins = [int(PEAK_RADIUS_MM // mm) for mm in spacing_mm]
    return tuple(
        slice(max(axis.start - margin, 0), min(axis.stop + margin, n))
        for axis, margin, n in zip(box, margins, shape, strict=True)
    )


def _center_mm(mask: np.ndarray, start_zyx: list[int], grid: Grid) -> np.ndarray:
    """Center of mass (x, y, z) in LPS."""
    voxels = np.argwhere(mask)
    if not len(voxels):
        return np.full(3, np.nan)
    return (voxels.mean(0) + start_zyx)[::-1] @ grid.matrix.T + grid.origin_mm
