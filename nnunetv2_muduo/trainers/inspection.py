"""Inspection of a training: the masks of student and teachers on a few fixed patches, without a trace in the training."""

from dataclasses import dataclass

import torch
from torch import Tensor

from nnunetv2_muduo.data.fixed_patches import FixedPatch, fixed_patches
from nnunetv2_muduo.data.pairs import Pairs
from nnunetv2_muduo.distillation.pseudo_labels import probs_of

N_PATCHES = 2  # the fewest of which the best half leaves one out
ALPHA = 0.5  # share of CT in the mixture: a training draws one for every patch, pictures must be comparable


@dataclass(frozen=True)
class Inspection:
    """The masks of student and teachers, on the CPU. B patches [a, b, c]; see `Pairs` for the order of pairs.

    student_labels: label map [B, a, b, c].
    masks: boolean masks [n_pairs, a, b, c] of each teacher, "ct" and "pet", of the student's "average" where it has a voice, and
        of the mixture of several of them, "mixed".
    agreement, kept: [B, n_organs] each, NaN and false where a pair is not valid.
    """

    patches: list[FixedPatch]
    pairs: Pairs
    student_labels: Tensor
    masks: dict[str, Tensor]
    agreement: Tensor
    kept: Tensor


@torch.no_grad()
def inspect_patches(trainer, patches: list[FixedPatch] | None = None, alphas: Tensor | None = None) -> Inspection:
    """Ask a trainer's student and teachers about patches; draws no random number, leaves no tensor on the GPU.

    Args:
        patches: default: two of `fixed_patches`.
        alphas: share of CT in the mixture of each patch [B] (default: one half).

    Raises:
        ValueError: see `fixed_patches`.
    """
    patches = patches or fixed_patches(trainer.unlabeled_dataset(), trainer.patch_size, N_PATCHES)
    views, prompt_map = (torch.stack(part) for part in zip(*((p.views, p.prompt_map) for p in patches), strict=True))
    student_probs, answers = trainer.ask_at_rest(views, prompt_map)
    agreements, _ = trainer.agreements_in(trainer.measure(answers, student_probs))
    kept = trainer.pair_filter.choose(agreements).cpu()
    alphas = torch.full((len(patches),), ALPHA) if alphas is None else alphas
    masks = _masks(trainer, answers, alphas[answers.pairs.samples].to(trainer.device))
    student_labels = student_probs.argmax(1).cpu()
    return Inspection(patches, answers.pairs, student_labels, masks, agreements.agreement.cpu(), kept)


def _masks(trainer, answers, alpha: Tensor) -> dict[str, Tensor]:
    probs = probs_of(answers.teacher_logits, trainer.patch_size)
    masks = {modality: (of_teacher > 0.5).cpu() for modality, of_teacher in probs.items()}
    if answers.average_probs is not None:
        samples, organs = answers.pairs.indices(trainer.device)
        masks["average"] = (answers.average_probs[samples, 1 + organs] > 0.5).cpu()
    if len(masks) > 1:
        mixed = trainer.mixture(answers, alpha).labels(slice(0, len(answers.pairs)))
        masks["mixed"] = (mixed > 0.5).cpu()
    return masks
