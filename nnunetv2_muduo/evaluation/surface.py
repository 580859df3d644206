"""Distances between the surfaces of two masks.

A surface voxel is a voxel of the mask with at least one of its six neighbors outside; beyond the image is outside.
"""

import numpy as np
from scipy.spatial import cKDTree

# Spacings come from float32 headers: a distance of one voxel must not miss a tolerance of one voxel.
ROUNDING = 1 + 1e-6


def surface_voxels(mask: np.ndarray) -> np.ndarray:
    """Indices of a boolean mask's surface voxels, shape (n, 3); the work grows with the mask, not with the array."""
    padded = np.pad(np.ascontiguousarray(mask), 1)
    inside = np.flatnonzero(padded)
    steps = [sign * stride for stride in padded.strides for sign in (-1, 1)]  # bytes and voxels are one for bool
    enclosed = np.logical_and.reduce([padded.ravel()[inside + step] for step in steps])
    return np.stack(np.unravel_index(inside[~enclosed], padded.shape), axis=-1) - 1


def surface_measures(prediction_points: np.ndarray, truth_points: np.ndarray, tolerance: float) -> dict[str, float]:
    """Measures of two surfaces given as points, shape (n, 3), in the unit of the points.

    Args:
        tolerance: distance up to which a surface point counts as right in `nsd`.

    Returns:
        asd: mean distance from the prediction to the truth, one direction, as medpy's `asd`.
        assd: mean distance of both directions pooled.
        hd95: 95th percentile of the distances of both directions pooled, as medpy's `hd95`.
        nsd: share of all surface points that lie within the tolerance of the other surface.
        Distances are NaN when a surface is missing; then nsd is 0, or NaN when both are missing.
    """
    if not len(prediction_points) or not len(truth_points):
        neither = len(prediction_points) == len(truth_points)
        return {"asd": np.nan, "assd": np.nan, "hd95": np.nan, "nsd": np.nan if neither else 0.0}
    to_truth = cKDTree(truth_points).query(prediction_points)[0]
    to_prediction = cKDTree(prediction_points).query(truth_points)[0]
    pooled = np.concatenate([to_truth, to_prediction])
    return {
        "asd": to_truth.mean(),
        "assd": pooled.mean(),
        "hd95": np.percentile(pooled, 95),
        "nsd": np.mean(pooled <= tolerance * ROUNDING),
    }
