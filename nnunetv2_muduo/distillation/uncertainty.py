"""Which voxels a teacher is certain of: by the entropy of its mean answer in several noisy passes (UA-MT, arXiv 1907.07034), or
by the variance of its answers over rounds of prompts (SemiSAM+, arXiv 2502.20749)."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from nnunetv2_muduo.distillation.losses import ramp_up


def mean_of_passes(passes_probs: Iterable[Tensor]) -> Tensor:
    """Mean of probabilities [B, n_classes, a, b, c], one pass in memory at a time."""
    total, n = 0, 0
    for probs in passes_probs:
        total, n = total + probs, n + 1
    return total / n


def entropy_nats(probs: Tensor) -> Tensor:
    """Entropy [B, 1, a, b, c] of probabilities [B, n_classes, a, b, c]: from 0 to ln n_classes."""
    return torch.special.entr(probs).sum(1, keepdim=True)


def entropy_threshold_nats(epoch: float, n_epochs: float, n_classes: int) -> float:
    """Entropy below which a voxel counts as certain: rises from three quarters of the highest there is, ln n_classes, to it."""
    return (0.75 + 0.25 * ramp_up(epoch, n_epochs)) * math.log(n_classes)


def masked_squared_difference(student_probs: Tensor, teacher_probs: Tensor, certain_mask: Tensor) -> Tensor:
    """Sum over classes and certain voxels of squared differences, as a mean over B patches of the share that they hold.

    Args:
        student_probs, teacher_probs: [B, n_classes, a, b, c].
        certain_mask: [B, 1, a, b, c], boolean.

    Returns:
        A scalar; divided by the share of certain voxels it is the mean over these voxels and all classes.
    """
    return ((student_probs - teacher_probs).square() * certain_mask).mean()


def certainty_weighted_difference(organ_probs: Tensor, answer_mask: Tensor, variance: Tensor) -> Tensor:
    """Squared difference of n organs' probabilities from a mask, as a mean over voxels weighted by certainty.

    Args:
        organ_probs: [n, a, b, c], with gradient.
        answer_mask: [n, a, b, c], boolean.
        variance: of the answers over rounds, from 0 (full weight) to 0.25 (none) [n, a, b, c].

    Returns:
        A loss for each organ [n].
    """
    weights = (1 - 4 * variance).flatten(1)
    squares = (organ_probs - answer_mask.to(organ_probs.dtype)).square().flatten(1)
    return (weights * squares).sum(1) / weights.sum(1).clamp(min=1e-8)
