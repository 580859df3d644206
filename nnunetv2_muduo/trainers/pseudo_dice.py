"""nnU-Net's pseudo Dice of an epoch's validation patches, for methods that compare networks by it."""

import math

import numpy as np

from nnunetv2_muduo.trainers import distributed


def mean_pseudo_dice(val_outputs: list[dict]) -> float:
    """Mean over organs of the Dice of all patches' voxels taken together, those of every GPU, as nnU-Net logs it.

    Args:
        val_outputs: what nnU-Net's `validation_step` gives: hard true and false positives and false negatives [n_organs].
    """
    counts = np.array([[output[key] for output in val_outputs] for key in ("tp_hard", "fp_hard", "fn_hard")], float)
    tp, fp, fn = distributed.sum_over_ranks(counts.sum(1))
    with np.errstate(invalid="ignore"):  # an organ that is nowhere
        return float(np.nanmean(2 * tp / (2 * tp + fp + fn)))


def following_average(average: float, value: float) -> float:
    """nnU-Net's moving average, which starts with the first value; NaN stands for none, on either side."""
    if math.isnan(average) or math.isnan(value):
        return average if math.isnan(value) else value
    return 0.9 * average + 0.1 * value
