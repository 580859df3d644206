"""Overlap, volume difference, surface distances and uptake of one organ's boolean masks with axes (z, y, x)."""

from dataclasses import dataclass

import numpy as np

from nnunetv2_muduo.evaluation.surface import surface_measures, surface_voxels

Spacing = tuple[float, float, float]
PEAK_RADIUS_MM = 10 * (3 / (4 * np.pi)) ** (1 / 3)
"""Of a sphere of 1 ml: 6.2 mm."""


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


def suv_peak(mask: np.ndarray, pet_suv: np.ndarray, spacing_mm: Spacing) -> float:
    """Highest mean SUV of a sphere of 1 ml around a voxel of the mask; NaN in an empty mask.

    The sphere may reach beyond the mask, but not beyond the image; a voxel belongs to it when its center does.
    Source: Image Biomarker Standardisation Initiative, reference manual, global intensity peak (0F91); Wahl et al., PERCIST 1.0,
    J Nucl Med 50, 2009.
    """
    if not mask.any():
        return np.nan
    offsets = _sphere_offsets(PEAK_RADIUS_MM, spacing_mm)
    reach = offsets.max(0)
    margins = [(n, n) for n in reach]
    values = np.pad(pet_suv.astype(np.float64), margins)
    is_inside = np.pad(np.ones(mask.shape, bool), margins).ravel()
    centers = np.ravel_multi_index((np.argwhere(mask) + reach).T, values.shape)
    steps = offsets @ (np.array(values.strides) // values.itemsize)
    values = values.ravel()
    total, n_inside = np.zeros(len(centers)), np.zeros(len(centers), int)
    for step in steps:
        total += values[centers + step]
        n_inside += is_inside[centers + step]
    return float((total / n_inside).max())


def _sphere_offsets(radius_mm: float, spacing_mm: Spacing) -> np.ndarray:
    """Voxels [n, 3] of a sphere, from its center."""
    reaches = [int(radius_mm // mm) for mm in spacing_mm]
    offsets = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reaches], indexing="ij"), -1).reshape(-1, 3)
    return offsets[np.linalg.norm(offsets * np.array(spacing_mm), axis=1) <= radius_mm]
