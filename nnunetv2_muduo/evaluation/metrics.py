"""Measures of one organ in one case, on label arrays."""

import numpy as np
from scipy import ndimage


def dice(prediction_mask: np.ndarray, truth_mask: np.ndarray) -> float:
    """Dice coefficient of two boolean masks; NaN when both are empty."""
    n_voxels = np.count_nonzero(prediction_mask) + np.count_nonzero(truth_mask)
    return 2 * np.count_nonzero(prediction_mask & truth_mask) / n_voxels if n_voxels else np.nan


def ravd(prediction_mask: np.ndarray, truth_mask: np.ndarray) -> float:
    """Relative absolute volume difference, |P - G| / G; NaN when the truth is empty."""
    n_prediction, n_truth = np.count_nonzero(prediction_mask), np.count_nonzero(truth_mask)
    return abs(n_prediction - n_truth) / n_truth if n_truth else np.nan


def measure_organ(prediction_mask: np.ndarray, truth_mask: np.ndarray, spacing_mm: tuple) -> dict[str, float]:
    """All measures of one organ, see the columns of `metrics.csv`."""
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    n_prediction, n_truth = np.count_nonzero(prediction_mask), np.count_nonzero(truth_mask)
    return {
        "dice": dice(prediction_mask, truth_mask),
        "ravd": ravd(prediction_mask, truth_mask),
        "missed": int(n_truth > 0 and n_prediction == 0),
        "invented": int(n_truth == 0 and n_prediction > 0),
        "volume_prediction_ml": n_prediction * voxel_ml,
        "volume_truth_ml": n_truth * voxel_ml,
    }


def bounding_boxes(labels: np.ndarray, values: list[int]) -> dict[int, tuple[slice, ...] | None]:
    """Smallest box around each label value; None where it doesn't occur."""
    boxes = ndimage.find_objects(labels, max_label=max(values, default=0))
    return {value: boxes[value - 1] for value in values}


def union_box(a: tuple[slice, ...] | None, b: tuple[slice, ...] | None) -> tuple[slice, ...]:
    """Smallest box around two boxes; an empty one when both are None."""
    if a is None or b is None:
        return a or b or (slice(0, 0),) * 3
    return tuple(slice(min(s.start, t.start), max(s.stop, t.stop)) for s, t in zip(a, b, strict=True))


def measure_labels(
    prediction: np.ndarray, truth: np.ndarray, spacing_mm: tuple, organs: dict[str, int]
) -> list[dict[str, float]]:
    """Measure every organ of one case: one row per organ, in the order of `organs`."""
    boxes = [bounding_boxes(labels, list(organs.values())) for labels in (prediction, truth)]
    rows = []
    for organ, value in organs.items():
        box = union_box(boxes[0][value], boxes[1][value])
        rows.append({"organ": organ, **measure_organ(prediction[box] == value, truth[box] == value, spacing_mm)})
    return rows
