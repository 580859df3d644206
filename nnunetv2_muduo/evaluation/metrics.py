"""Measures of one organ, and of all organs of one case, on label arrays with axes (z, y, x)."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from nnunetv2_muduo.evaluation.surface import surface_measures, surface_voxels

Box = tuple[slice, ...]
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


def measure_uptake(mask: np.ndarray, pet_suv: np.ndarray, side: str, voxel_ml: float) -> dict[str, float]:
    """Mean and maximum SUV (NaN in an empty mask) and total uptake in SUV x ml under a mask, named after its side."""
    values = pet_suv[mask].astype(np.float64)
    return {
        f"suv_mean_{side}": values.mean() if values.size else np.nan,
        f"suv_max_{side}": values.max() if values.size else np.nan,
        f"uptake_{side}_suv_ml": values.sum() * voxel_ml,
    }


def measure_organ(
    prediction_mask: np.ndarray,
    truth_mask: np.ndarray,
    spacing_mm: Spacing,
    pet_suv: np.ndarray | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> dict[str, float]:
    """All measures of one organ.

    Args:
        prediction_mask, truth_mask: boolean, shape (z, y, x).
        spacing_mm: voxel size along (z, y, x).
        pet_suv: PET of the same shape; None leaves the uptake columns out.

    Returns:
        Measures by column name. A missed organ (truth without prediction) has Dice 0 and no distances, as has an
        invented one (prediction without truth); an organ on neither side has no Dice (evaluation.md 6.3, `strict`).
    """
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    in_prediction, in_truth = prediction_mask.any(), truth_mask.any()
    row = {"dice": dice(prediction_mask, truth_mask), "ravd": ravd(prediction_mask, truth_mask)}
    row |= measure_distances(prediction_mask, truth_mask, spacing_mm, tolerances)
    row |= {"missed": int(in_truth and not in_prediction), "invented": int(in_prediction and not in_truth)}
    sides = {"prediction": prediction_mask, "truth": truth_mask}
    row |= {f"volume_{side}_ml": np.count_nonzero(mask) * voxel_ml for side, mask in sides.items()}
    for side, mask in sides.items() if pet_suv is not None else ():
        row |= measure_uptake(mask, pet_suv, side, voxel_ml)
    return row


def measure_labels(
    prediction: np.ndarray,
    truth: np.ndarray,
    spacing_mm: Spacing,
    organs: dict[str, int],
    pet_suv: np.ndarray | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> list[dict[str, float | str]]:
    """Measure every organ of one case.

    Args:
        prediction, truth: integer labels, shape (z, y, x).
        organs: label value of each organ.
        spacing_mm, pet_suv, tolerances: see `measure_organ`.

    Returns:
        One row per organ, in the order of `organs`: its name and its measures.
    """
    n_labels = max(organs.values(), default=0)
    prediction_boxes, truth_boxes = (ndimage.find_objects(labels, n_labels) for labels in (prediction, truth))
    rows = []
    for organ, value in organs.items():
        box = _union(prediction_boxes[value - 1], truth_boxes[value - 1])
        masks = prediction[box] == value, truth[box] == value
        pet_crop = None if pet_suv is None else pet_suv[box]
        rows.append({"organ": organ, **measure_organ(*masks, spacing_mm, pet_crop, tolerances)})
    return rows


def _union(a: Box | None, b: Box | None) -> Box:
    if a is None or b is None:
        return a or b or (slice(0, 0),) * 3
    return tuple(slice(min(s.start, t.start), max(s.stop, t.stop)) for s, t in zip(a, b, strict=True))
