"""What two teachers make of a patch together: how far they agree, one hard mask mixed from both, and the loss against it.

Answers of teachers come as {modality: low-resolution logits [n_pairs, 1, s, s, s]} and are brought to patch resolution a few
pairs at a time, so that memory does not grow with the number of organs.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_muduo.distillation.losses import pair_losses
from nnunetv2_muduo.distillation.pairs import Pairs

PAIRS_PER_CHUNK = 16  # at 128^3 a chunk of float32 maps takes 134 MB per teacher


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


def patch_probs(low_res_logits: Tensor, patch_size: tuple[int, ...]) -> Tensor:
    """Probabilities [n, *patch_size] from low-resolution logits [n, 1, s, s, s]: trilinear, then sigmoid (eq. 1, 3)."""
    return F.interpolate(low_res_logits, size=patch_size, mode="trilinear", align_corners=False)[:, 0].sigmoid()


@torch.no_grad()
def agreement_of_logits(answers: dict[str, Tensor], patch_size: tuple[int, ...]) -> Tensor:
    """Agreement [n_pairs] of the two teachers at patch resolution; 1 where there is only one teacher."""
    logits = next(iter(answers.values()))
    if len(answers) == 1 or not len(logits):
        return logits.new_ones(len(logits))
    chunks = zip(answers["ct"].split(PAIRS_PER_CHUNK), answers["pet"].split(PAIRS_PER_CHUNK), strict=True)
    parts = [soft_iou(patch_probs(ct, patch_size), patch_probs(pet, patch_size)) for ct, pet in chunks]
    return torch.cat(parts)


@torch.no_grad()
def pseudo_label(answers: dict[str, Tensor], alpha: Tensor, patch_size: tuple[int, ...]) -> Tensor:
    """Hard pseudo labels [n, *patch_size] of pairs: both teachers mixed, or the only one's mask."""
    probs = {modality: patch_probs(logits, patch_size) for modality, logits in answers.items()}
    if len(probs) == 1:
        (only,) = probs.values()
        return only > 0.5
    return mix(probs["ct"], probs["pet"], alpha)


def consistency_with_teachers(
    student_probs: Tensor, answers: dict[str, Tensor], pairs: Pairs, weights: Tensor, alpha: Tensor, kind: str
) -> Tensor:
    """Weighted sum over pairs of the loss between student and pseudo label (eq. 7).

    Args:
        student_probs: probabilities [B, 1 + n_organs, *patch_size], background first.
        answers: the teachers' logits for the pairs.
        weights: weight of each pair [n_pairs]; 0 keeps a pair out of the loss.
        alpha: share of CT in each pair's mixture [n_pairs].
        kind: `mse` or `dice`.

    Returns:
        A scalar that always depends on the student, so that every process has a gradient to exchange.
    """
    patch_size = student_probs.shape[2:]
    loss = 0.0 * student_probs.sum()
    for start in range(0, len(pairs), PAIRS_PER_CHUNK):
        part = slice(start, start + PAIRS_PER_CHUNK)
        targets = pseudo_label({m: logits[part] for m, logits in answers.items()}, alpha[part], patch_size)
        samples, organs = pairs.samples[part].to(targets.device), pairs.organs[part].to(targets.device)
        losses = pair_losses(student_probs[samples, 1 + organs], targets, kind)
        loss = loss + (weights[part] * losses).sum()
    return loss
