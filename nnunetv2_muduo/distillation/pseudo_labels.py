"""Agreement, fusion and consistency loss of two teachers' masks (equations of MuDuo, arXiv 2606.15611).

Answers of teachers come as {modality: low-resolution logits [n_pairs, 1, s, s, s]} and are brought to patch resolution a few
pairs at a time, so that memory does not grow with the number of organs.
"""

import torch
from torch import Tensor

from nnunetv2_muduo.data.pairs import Pairs
from nnunetv2_muduo.distillation.losses import pair_losses

PAIRS_PER_CHUNK = 3  # maps of 128^3 then stay below 32 MB, beyond which glibc maps and clears fresh memory for each


def soft_iou(probs_a: Tensor, probs_b: Tensor, eps: float = 1e-8) -> Tensor:
    """Agreement of two probability maps (eq. 4): sum(a b) / (sum(a + b - a b) + eps), over all but the first axis.

    Args:
        probs_a, probs_b: probabilities [n, *spatial] at patch resolution.

    Returns:
        Agreement [n] in [0, 1].
    """
    intersection = (probs_a * probs_b).flatten(1).sum(1)
    union = probs_a.flatten(1).sum(1) + probs_b.flatten(1).sum(1) - intersection
    return intersection / (union + eps)


def mix(ct_probs: Tensor, pet_probs: Tensor, alpha: Tensor) -> Tensor:
    """Hard pseudo label (eq. 6): where alpha P_CT + (1 - alpha) P_PET exceeds one half.

    Args:
        ct_probs, pet_probs: probabilities [n, *spatial].
        alpha: weight of CT for each map [n], in [0, 1].

    Returns:
        Boolean masks [n, *spatial].
    """
    alpha = alpha.view(-1, *[1] * (ct_probs.ndim - 1))
    return torch.lerp(pet_probs, ct_probs, alpha) > 0.5


@torch.no_grad()
def agreement_of_logits(
    teacher_logits: dict[str, Tensor], patch_size: tuple[int, ...], chunk: int | None = None
) -> Tensor:
    """Agreement [n_pairs] of the two teachers at patch resolution, `chunk` pairs at a time; 1 where there is only one."""
    logits = next(iter(teacher_logits.values()))
    if len(teacher_logits) == 1 or not len(logits):
        return logits.new_ones(len(logits))
    chunk = chunk or PAIRS_PER_CHUNK
    chunks = zip(teacher_logits["ct"].split(chunk), teacher_logits["pet"].split(chunk), strict=True)
    from nnunetv2_muduo.teachers.patch_space import (
        patch_probs,  # here: prediction imports this file and needs no teacher
    )

    parts = [soft_iou(patch_probs(ct, patch_size), patch_probs(pet, patch_size)) for ct, pet in chunks]
    return torch.cat(parts)


@torch.no_grad()
def pseudo_label(teacher_logits: dict[str, Tensor], alpha: Tensor, patch_size: tuple[int, ...]) -> Tensor:
    """Hard pseudo labels [n, *patch_size] of pairs: both teachers mixed, or the only one's mask."""
    from nnunetv2_muduo.teachers.patch_space import patch_probs

    probs = {modality: patch_probs(logits, patch_size) for modality, logits in teacher_logits.items()}
    if len(probs) == 1:
        (only,) = probs.values()
        return only > 0.5
    return mix(probs["ct"], probs["pet"], alpha)


def consistency_with_teachers(
    student_probs: Tensor,
    teacher_logits: dict[str, Tensor],
    pairs: Pairs,
    weights: Tensor,
    alpha: Tensor,
    kind: str,
    chunk: int | None = None,
) -> Tensor:
    """Weighted sum over pairs of the loss between student and pseudo label (eq. 7).

    The gradient is computed along with the loss, chunk by chunk: autograd would keep full-resolution maps of every pair.

    Args:
        student_probs: probabilities [B, 1 + n_organs, *patch_size], background first.
        teacher_logits: the teachers' logits for the pairs.
        weights: weight of each pair [n_pairs]; 0 keeps a pair out of the loss.
        alpha: share of CT in each pair's mixture [n_pairs].
        kind: `mse` or `dice`.
        chunk: pairs at a time; None: `PAIRS_PER_CHUNK`.

    Returns:
        A scalar that always depends on the student, so that every process has a gradient to exchange.
    """
    probs = student_probs.detach()
    loss, gradient = probs.new_zeros(()), torch.zeros_like(probs)
    samples, organs = pairs.indices(probs.device)
    chunk = chunk or PAIRS_PER_CHUNK
    for start in range(0, len(pairs), chunk):
        part = slice(start, start + chunk)
        where = samples[part], 1 + organs[part]
        masks = pseudo_label({m: logits[part] for m, logits in teacher_logits.items()}, alpha[part], probs.shape[2:])
        losses, gradients = pair_losses(probs[where], masks, kind)
        gradient[where] = gradients.mul_(weights[part].view(-1, 1, 1, 1))
        loss = loss + (weights[part] * losses).sum()
    return _LossWithGradient.apply(student_probs, loss, gradient)


class _LossWithGradient(torch.autograd.Function):
    """A loss whose gradient with respect to the student's probabilities is already there."""

    @staticmethod
    def forward(ctx, student_probs: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return loss.clone()

    @staticmethod
    def backward(ctx, grad_of_loss: Tensor) -> tuple[Tensor, None, None]:
        return grad_of_loss * ctx.saved_tensors[0], None, None
