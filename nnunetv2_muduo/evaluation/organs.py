"""All measures of one organ and of a case's organs, on arrays with axes (z, y, x)."""

import numpy as np
from scipy import ndimage

from nnunetv2_muduo.evaluation import measures
from nnunetv2_muduo.evaluation.metrics import DEFAULT_TOLERANCES, Spacing, Tolerances

Box = tuple[slice, ...]


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
        Values by the name of the measure. A missed organ (truth without prediction) has Dice 0 and no distances, as has
        a false positive (prediction without truth); an organ on neither side has no Dice.
    """
    organ = measures.OrganMasks(prediction_mask, truth_mask, spacing_mm, pet_suv, tolerances)
    computed = [measure for measure in measures.MEASURES if not measure.needs_pet or pet_suv is not None]
    return {measure.name: measure.compute(organ) for measure in computed}


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
    rows: list[dict[str, float | str]] = []
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
