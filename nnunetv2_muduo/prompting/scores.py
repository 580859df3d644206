"""How challenges of interactive segmentation score one answer, and a curve of them.

Sources: autoPET IV, https://github.com/lab-midas/autoPETCTIV (evaluation_metrics); autoPET V, https://autopet-v.grand-challenge.org
(metrics of the challenge's repository); CVPR 2025, https://github.com/JunMa11/CVPR-MedSegFMCompetition (CVPR25_iter_eval).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import integrate, ndimage

from nnunetv2_muduo.evaluation.metrics import Spacing, dice, voxel_ml
from nnunetv2_muduo.evaluation.surface_elements import surface_dice
from nnunetv2_muduo.prompting.space import CONNECTED

NSD_TOLERANCE_MM = 2.0
LEAST_IOU = 0.1
"""From which on two components are the same lesion for autoPET V."""
LEAST_DICE_FOR_NSD = 0.2
"""Up to which CVPR 2025 counts an NSD of 0."""


@dataclass(frozen=True)
class Lesions:
    """Components (18 neighbors) of the truth and of a prediction: their voxels, and voxels [n_true, n_predicted] they share."""

    true_voxels: np.ndarray
    predicted_voxels: np.ndarray
    shared_voxels: np.ndarray

    @classmethod
    def of(cls, prediction: np.ndarray, truth: np.ndarray) -> "Lesions":
        (true, n_true), (predicted, n_predicted) = (ndimage.label(mask, CONNECTED) for mask in (truth, prediction))
        is_any = prediction | truth
        pairs = true[is_any].astype(np.int64) * (n_predicted + 1) + predicted[is_any]
        counts = np.bincount(pairs, minlength=(n_true + 1) * (n_predicted + 1))
        counts = counts.reshape(n_true + 1, n_predicted + 1)
        return cls(counts[1:].sum(1), counts[:, 1:].sum(0), counts[1:, 1:])

    @property
    def false_positive_voxels(self) -> int:
        """Of predicted components without any voxel of the truth."""
        return int(self.predicted_voxels[~self.shared_voxels.any(0)].sum())

    @property
    def false_negative_voxels(self) -> int:
        """Of true components without any predicted voxel."""
        return int(self.true_voxels[~self.shared_voxels.any(1)].sum())

    @property
    def f1(self) -> float:
        """A true lesion is found where any component's IoU with it is at least `LEAST_IOU`; NaN where there is no lesion."""
        if not len(self.true_voxels):
            return np.nan
        union = self.true_voxels[:, None] + self.predicted_voxels - self.shared_voxels
        is_same = self.shared_voxels / union >= LEAST_IOU
        n_found, n_right = is_same.any(1).sum(), is_same.any(0).sum()
        n_wrong = len(self.true_voxels) - n_found + len(self.predicted_voxels) - n_right
        return float(2 * n_found / (2 * n_found + n_wrong))


def scores(prediction: np.ndarray, truth: np.ndarray, spacing_mm: Spacing) -> dict[str, float]:
    """All measures of one answer, with autoPET IV's rules.

    Args:
        prediction, truth: boolean (z, y, x).
        spacing_mm: voxel size along (z, y, x).

    Returns:
        `dice`, `nsd` (by area, within 2 mm), `lesion_f1` and `false_negative_ml` are NaN where the truth is empty;
        `false_positive_ml` is 0 for an empty prediction.
    """
    (box,) = ndimage.find_objects(prediction | truth, 1)
    prediction, truth = (mask[box or ()] for mask in (prediction, truth))
    lesions, is_free = Lesions.of(prediction, truth), not truth.any()
    return {
        "dice": np.nan if is_free else dice(prediction, truth),
        "nsd": np.nan if is_free else surface_dice(prediction, truth, spacing_mm, NSD_TOLERANCE_MM),
        "lesion_f1": lesions.f1,
        "false_positive_ml": lesions.false_positive_voxels * voxel_ml(spacing_mm),
        "false_negative_ml": np.nan if is_free else lesions.false_negative_voxels * voxel_ml(spacing_mm),
    }


def scores_autopet5(prediction: np.ndarray, truth: np.ndarray, spacing_mm: Spacing) -> dict[str, float]:
    """As `scores`; without a lesion an empty answer has Dice 1, and one voxel makes it 0. The lesion-wise F1 stays NaN."""
    measured = scores(prediction, truth, spacing_mm)
    return measured if truth.any() else {**measured, "dice": float(not prediction.any())}


def scores_cvpr2025(prediction: np.ndarray, truth: np.ndarray, spacing_mm: Spacing) -> dict[str, float]:
    """As `scores`; where Dice is at most 0.2, NSD counts 0."""
    measured = scores(prediction, truth, spacing_mm)
    return {**measured, "nsd": 0.0} if measured["dice"] <= LEAST_DICE_FOR_NSD else measured


def area(values: Sequence[float]) -> float:
    """Area under a curve over steps that are 1 apart, by trapezoids: 10 for eleven steps of 1. NaN where one is."""
    return float(integrate.trapezoid(np.asarray(values, float)))
