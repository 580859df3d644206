"""Consistency loss between student and pseudo label, the ramp-up of its weight, and where label maps differ.

Equations are those of MuDuo, arXiv 2606.15611; docs/method.md says where its released code differs.
"""

import math

import numpy as np
from torch import Tensor


def pair_losses(student_probs: Tensor, pseudo_masks: Tensor, kind: str, smooth: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Loss of every pair [n], student's probabilities of the organ against its pseudo label, and the losses' gradients.

    Args:
        student_probs, pseudo_masks: [n, *spatial]; the gradients with respect to the former have its shape.
        kind: `mse`, the mean squared error over voxels (eq. 7), or `dice`, 1 - soft Dice without squares, as in MuDuo's
            released code (docs/method.md).
    """
    p, y = student_probs.flatten(1), pseudo_masks.flatten(1).to(student_probs.dtype)
    if kind == "mse":
        difference = p - y
        losses, gradients = difference.square().mean(1), difference.mul_(2 / p.shape[1])
    else:
        overlap, total = 2 * (p * y).sum(1) + smooth, p.sum(1) + y.sum(1) + smooth
        losses, gradients = 1 - overlap / total, (overlap / total.square())[:, None] - y * (2 / total)[:, None]
    return losses, gradients.view_as(student_probs)


def ramp_up(epoch: float, n_epochs: float) -> float:
    """Rise from exp(-5) to 1 over `n_epochs` as exp(-5 (1 - min(t, 1))^2), t = epoch / n_epochs (eq. 8)."""
    t = min(max(epoch / n_epochs, 0.0), 1.0)
    return math.exp(-5.0 * (1.0 - t) ** 2)


def disagreement(labels: Tensor, other_labels: Tensor) -> np.ndarray:
    """Share of voxels in which two label maps of one shape differ, as an array without axes."""
    return (labels != other_labels).float().mean().cpu().numpy()
