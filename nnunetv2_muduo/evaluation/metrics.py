"""Overlap, volume difference, surface distances and uptake of one organ's boolean masks with axes (z, y, x)."""

from dataclasses import dataclass

import numpy as np

from nnunetv2_muduo.evaluation.surface import surface_measures, surface_voxels

Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Tolerances:
    """Distance up to which a surface counts as right: 3 mm is one slice, or 1.5 pixels, of a usual PET/CT."""

    mm: float = 3.0
    voxel: float = 1.0


DEFAULT_TOLERANCES = Tolerances()


def dice(prediction_mask: np.ndarray, truth_mask: np.ndarray) -> float:
    """Dice coefficient of two boolean masks; NaN when both are empty."""
    n_voxels = np.count_nonzero(prediction_mask) + np.count_nonzero(truth_mask)
    return 2 * np.count_nonzero(prediction_mask & truth_mask) / n_voxels if n_voxels else np.nan


def ravd(prediction_mask: np.ndarray, truth_mask: np.ndarray) -> float:
    """Relative absolute volume difference, |P - G| / G; NaN when the truth is empty."""
    n_prediction, n_truth = np.count_nonzero(prediction_mask), np.count_nonzero(truth_mask)
    return abs(n_prediction - n_truth) / n_truth if n_truth else np.nan


def is_alone(mask: np.ndarray, other_mask: np.ndarray) -> int:
    """1 where a mask has voxels and the other one has none, else 0."""
    return int(mask.any() and not other_mask.any())


def volume_ml(mask: np.ndarray, spacing_mm: Spacing) -> float:
    """Volume of a boolean mask."""
    return np.count_nonzero(mask) * voxel_ml(spacing_mm)


def voxel_ml(spacing_mm: Spacing) -> float:
    """Volume of a voxel."""
    return float(np.prod(spacing_mm)) / 1000


def measure_distances(
    prediction_mask: np.ndarray, truth_mask: np.ndarray, spacing_mm: Spacing, tolerances: Tolerances
) -> dict[str, float]:
    """Surface measures of two boolean masks, once in mm (`asd_mm`, ...) and once in voxels (`asd_voxel`, ...)."""
    prediction_points, truth_points = surface_voxels(prediction_mask), surface_voxels(truth_mask)
    measures = {}
    for unit, scale in (("mm", np.array(spacing_mm)), ("voxel", np.ones(3))):
        values = surface_measures(prediction_points * scale, truth_points * scale, getattr(tolerances, unit))
        measures |= {f"{name}_{unit}": value for name, value in values.items()}
    return measures


def measure_uptake(mask: np.ndarray, pet_suv: np.ndarray, spacing_mm: Spacing) -> dict[str, float]:
    """Mean and maximum SUV (`mean`, `max`; NaN in an empty mask) and total uptake in SUV x ml (`total`) under a mask."""
    values = pet_suv[mask].astype(np.float64)
    return {
        "mean": values.mean() if values.size else np.nan,
        "max": values.max() if values.size else np.nan,
        "total": values.sum() * voxel_ml(spacing_mm),
    }
