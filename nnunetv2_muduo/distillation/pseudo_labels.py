"""Agreement, fusion and consistency loss of two teachers' masks (equations of MuDuo, arXiv 2606.15611).

Answers of teachers come as {modality: low-resolution logits [n_pairs, 1, s, s, s]} and are brought to patch resolution a few
pairs at a time, so that memory does not grow with the number of organs.
"""

from collections.abc import Callable

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
    return mixed_probs(ct_probs, pet_probs, alpha) > 0.5


def mixed_probs(ct_probs: Tensor, pet_probs: Tensor, alpha: Tensor) -> Tensor:
    """The mixture alpha P_CT + (1 - alpha) P_PET itself."""
    return torch.lerp(pet_probs, ct_probs, alpha.view(-1, *[1] * (ct_probs.ndim - 1)))


@torch.no_grad()
def agreement_of_logits(
    teacher_logits: dict[str, Tensor], patch_size: tuple[int, ...], chunk: int | None = None
) -> Tensor:
    """Agreement [n_pairs] of the two teachers at patch resolution, `chunk` pairs at a time; 1 where there is only one.

    NaN where a teacher's answer is not finite.
    """
    logits = next(iter(teacher_logits.values()))
    if not len(logits):
        return logits.new_ones(0)
    if len(teacher_logits) == 1:
        agreement = logits.new_ones(len(logits))
    else:
        chunk = chunk or PAIRS_PER_CHUNK
        parts = (of_pairs(teacher_logits, slice(i, i + chunk)) for i in range(0, len(logits), chunk))
        probs = (probs_of(part, patch_size) for part in parts)
        agreement = torch.cat([soft_iou(of["ct"], of["pet"]) for of in probs])
    return agreement.where(all_finite(teacher_logits), torch.nan)


@torch.no_grad()
def agreements_of_masks(
    student_probs: Tensor, teacher_logits: dict[str, Tensor], pairs: Pairs, chunk: int | None = None
) -> tuple[Tensor, Tensor]:
    """IoU of masks, cut off at one half: of teachers and student, as a mean over the teachers, and of the two teachers.

    Args:
        student_probs: probabilities [B, 1 + n_organs, *patch_size], background first.

    Returns:
        Both [n_pairs], `chunk` pairs at a time; with one teacher the latter is 1.
    """
    samples, organs = pairs.indices(student_probs.device)
    chunk = chunk or PAIRS_PER_CHUNK
    with_student, of_teachers = [student_probs.new_zeros(0)], [student_probs.new_zeros(0)]
    for start in range(0, len(pairs), chunk):
        part = slice(start, start + chunk)
        own = student_probs[samples[part], 1 + organs[part]]
        masks = [cut_off(probs) for probs in probs_of(of_pairs(teacher_logits, part), own.shape[1:]).values()]
        with_student.append(torch.stack([soft_iou(mask, cut_off(own)) for mask in masks]).mean(0))
        of_teachers.append(soft_iou(masks[0], masks[1]) if len(masks) == 2 else torch.ones_like(with_student[-1]))
    return torch.cat(with_student), torch.cat(of_teachers)


def cut_off(probs: Tensor) -> Tensor:
    """1 where a probability exceeds one half, else 0."""
    return (probs > 0.5).to(probs.dtype)


def all_finite(teacher_logits: dict[str, Tensor]) -> Tensor:
    """Whether every teacher's answer is finite throughout [n_pairs]."""
    return torch.stack([logits.isfinite().flatten(1).all(1) for logits in teacher_logits.values()]).all(0)


def of_pairs(teacher_logits: dict[str, Tensor], part: slice) -> dict[str, Tensor]:
    """The teachers' answers to some of the pairs."""
    return {modality: logits[part] for modality, logits in teacher_logits.items()}


def probs_of(teacher_logits: dict[str, Tensor], patch_size: tuple[int, ...]) -> dict[str, Tensor]:
    """Every teacher's probabilities [n, *patch_size], from low-resolution logits [n, 1, s, s, s]."""
    # Here, since prediction imports this file and needs no teacher.
    from nnunetv2_muduo.teachers.patch_space import patch_probs

    return {modality: patch_probs(logits, patch_size) for modality, logits in teacher_logits.items()}


@torch.no_grad()
def pseudo_label(teacher_logits: dict[str, Tensor], alpha: Tensor, patch_size: tuple[int, ...]) -> Tensor:
    """Hard pseudo labels [n, *patch_size] of pairs: both teachers mixed, or the only one's mask."""
    probs = probs_of(teacher_logits, patch_size)
    if len(probs) == 1:
        (only,) = probs.values()
        return only > 0.5
    return mix(probs["ct"], probs["pet"], alpha)


def consistency_loss(
    student_probs: Tensor,
    labels: Callable[[slice], Tensor],
    pairs: Pairs,
    weights: Tensor,
    kind: str,
    chunk: int | None = None,
) -> Tensor:
    """Weighted sum over pairs of the loss between student and pseudo label (eq. 7).

    The gradient is computed along with the loss, chunk by chunk: autograd would keep full-resolution maps of every pair.

    Args:
        student_probs: probabilities [B, 1 + n_organs, *patch_size], background first.
        labels: gives the pseudo labels [n, *patch_size] of some pairs, as `Mixture.labels` does.
        weights: weight of each pair [n_pairs]; 0 keeps a pair out of the loss.
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
        losses, gradients = pair_losses(probs[where], labels(part), kind)
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
