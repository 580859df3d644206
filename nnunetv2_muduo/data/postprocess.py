"""Postprocessing of predictions: files in, files without distant parts out. See `distant_parts` for what that is."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.data.distant_parts import Extents, largest_extents_mm, remove_distant_parts
from nnunetv2_muduo.imageio.grid import Grid, read_grid, set_grid
from nnunetv2_muduo.imageio.images import read_labels
from nnunetv2_muduo.imageio.write import write_nifti

_AXES = ("RL", "AP", "IS")  # of the patient: side to side, front to back, feet to head


def measure_extents_mm(label_maps: Iterable[Path], organs: list[int]) -> Extents:
    """How far organs (label values) reach in label maps, along the axes of the patient, however the maps are stored.

    Raises:
        CaseRefused: a map can't be read.
    """
    return largest_extents_mm((_in_patient_axes(read_grid(path), read_labels(path)) for path in label_maps), organs)


def postprocess_file(prediction: Path, out_path: Path, extents_mm: Extents) -> dict[int, list[int]]:
    """Write a label map without its distant parts, on the same grid.

    Args:
        extents_mm: see `measure_extents_mm`. Organs that have none are left as they are.

    Returns:
        The voxels of every part that was removed, by organ.

    Raises:
        CaseRefused: the prediction can't be read.
        OSError: the file can't be written whole.
    """
    grid = read_grid(prediction)
    organ_map, spacing_mm = _in_patient_axes(grid, read_labels(prediction))
    cleaned, removed = remove_distant_parts(organ_map, spacing_mm, extents_mm)
    stored = cleaned.transpose(np.argsort(_array_axes(grid)))
    image = sitk.GetImageFromArray(stored.astype(np.uint8 if stored.max() < 256 else np.int16))
    write_nifti(set_grid(image, grid), out_path)
    return removed


def _in_patient_axes(grid: Grid, array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An array (z, y, x) of the grid with its axes in the order of `_AXES`, and the spacing in mm along them."""
    axes = _array_axes(grid)
    return array.transpose(axes), np.array(grid.spacing_mm)[::-1][axes]


def _array_axes(grid: Grid) -> list[int]:
    """For each of `_AXES`, the axis of the array (z, y, x) that runs along it."""
    return [2 - next(i for i, towards in enumerate(grid.orientation) if towards in axis) for axis in _AXES]
