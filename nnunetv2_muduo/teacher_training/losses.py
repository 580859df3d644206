"""Loss over prompt rounds, with SegAnyPET's confident learning for noisy labels."""

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


def sum_over_rounds(logits_of_rounds: list[Tensor], truth_mask: Tensor, is_noisy: Tensor) -> Tensor:
    """Sum of the rounds' losses, mean over objects.

    Cross prompting confident learning for the objects with labels of low quality (SegAnyPET, arXiv 2502.14351):
    published are several predictions of one object under different prompts, their variance in each voxel as uncertainty
    with its mean as threshold, and (2 L(prediction, y) + L(prediction, y_rectified)) / 3 summed over predictions. Our reading
    are `rectify`, and that the rounds of a training are the different prompts.

    Args:
        logits_of_rounds: one [N, *spatial] per round.
        truth_mask: [N, *spatial].
        is_noisy: [N], which objects have a label of low quality.
    """
    losses = torch.stack([dice_bce(logits, truth_mask) for logits in logits_of_rounds])
    if is_noisy.any():
        rectified = rectify(torch.stack(logits_of_rounds).detach().sigmoid(), truth_mask)
        of_rectified = torch.stack([dice_bce(logits, rectified) for logits in logits_of_rounds])
        losses = torch.where(is_noisy, (2 * losses + of_rectified) / 3, losses)
    return losses.sum(0).mean()


def rectify(probs_of_rounds: Tensor, truth_mask: Tensor) -> Tensor:
    """Labels [N, *spatial] with the rounds' mean answer wherever predictions differ no more than on average.

    The published text says that labels are rectified by uncertainty; its code says how in an expression that is always empty.
    This is our reading (docs/teachers.md): where U <= mean of U over the object's crop the mean answer, elsewhere y.

    Args:
        probs_of_rounds: [R, N, *spatial]; truth_mask: [N, *spatial], boolean.
    """
    uncertainty = probs_of_rounds.var(0, unbiased=False).flatten(1)
    certain = uncertainty <= uncertainty.mean(1, keepdim=True)
    return torch.where(certain.view_as(truth_mask), probs_of_rounds.mean(0) > 0.5, truth_mask)
