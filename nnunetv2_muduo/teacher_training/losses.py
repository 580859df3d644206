"""Loss over prompt rounds."""

import torch
import torch.nn.functional as F
from torch import Tensor

_SMOOTH = 1e-5
ABSENT_PART = 0.01  # of the crop: an answer as large as this to an object that isn't there costs half of a wrong one


def dice_bce(logits: Tensor, truth_mask: Tensor) -> Tensor:
    """Soft Dice with squares in its denominator plus binary cross-entropy (SAM-Med3D), by object [N].

    An object without a voxel, which Dice can't grade, costs by the size of the answer (ours).

    Args:
        logits, truth_mask: [N, *spatial].
    """
    logits, y = logits.flatten(1), truth_mask.flatten(1).to(logits.dtype)
    p = logits.sigmoid()
    overlap, total = 2 * (p * y).sum(1), p.square().sum(1) + y.sum(1)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, y, reduction="none").mean(1)
    dice_loss = 1 - (overlap + _SMOOTH) / (total + _SMOOTH)
    of_absent = total / (total + ABSENT_PART * y.shape[1])
    return torch.where(y.any(1), dice_loss, of_absent) + cross_entropy


def sum_over_rounds(logits_of_rounds: list[Tensor], truth_mask: Tensor, rectified_mask: Tensor | None = None) -> Tensor:
    """Sum of the rounds' losses, mean over objects.

    Args:
        logits_of_rounds: one [N, *spatial] per round.
        truth_mask: [N, *spatial].
        rectified_mask: [N, *spatial], of which a third of the loss is taken (`confident_learning`); an object whose label is
            good has it here, too.
    """
    losses = torch.stack([dice_bce(logits, truth_mask) for logits in logits_of_rounds])
    if rectified_mask is not None:
        of_rectified = torch.stack([dice_bce(logits, rectified_mask) for logits in logits_of_rounds])
        losses = (2 * losses + of_rectified) / 3
    return losses.sum(0).mean()
