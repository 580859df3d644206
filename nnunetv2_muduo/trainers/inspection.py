"""Inspection of a training: the masks of student and teachers on a few fixed patches, without a trace in the training."""

from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nnunetv2_muduo.data.fixed_patches import FixedPatch, fixed_patches
from nnunetv2_muduo.data.pairs import Pairs, valid_pairs
from nnunetv2_muduo.data.views import split_views
from nnunetv2_muduo.distillation.pseudo_labels import agreement_of_logits, pseudo_label
from nnunetv2_muduo.distillation.selection import select_pairs
from nnunetv2_muduo.trainers import distributed

N_PATCHES = 2  # the fewest of which the best half leaves one out
ALPHA = 0.5  # share of CT in the mixture: a training draws one for every patch, here pictures must be comparable


@dataclass(frozen=True)
class Inspection:
    """The masks of student and teachers, on the CPU. B patches [a, b, c]; see `Pairs` for the order of pairs.

    student_labels: label map [B, a, b, c].
    masks: boolean masks [n_pairs, a, b, c] of each teacher, "ct" and "pet", and of both, "mixed".
    agreement, kept: [B, n_organs] each, NaN and false where a pair is not valid.
    """

    patches: list[FixedPatch]
    pairs: Pairs
    student_labels: Tensor
    masks: dict[str, Tensor]
    agreement: Tensor
    kept: Tensor


@torch.no_grad()
def inspect_patches(trainer, patches: list[FixedPatch] | None = None) -> Inspection:
    """Ask a trainer's student and teachers about patches; draws no random number, leaves no tensor on the GPU.

    Args:
        patches: default: two of `fixed_patches`.

    Raises:
        ValueError: see `fixed_patches`.
    """
    config = trainer.muduo_config
    patches = patches or fixed_patches(trainer.unlabeled_dataset(), trainer.patch_size, N_PATCHES)
    pairs = valid_pairs(torch.stack([patch.prompt_map for patch in patches]), trainer.organ_labels)
    student_labels, teacher_logits = _predict(trainer, patches, pairs)
    agreement = pairs.as_matrix(agreement_of_logits(teacher_logits, trainer.patch_size)).cpu()
    kept = select_pairs(agreement, config.pair_selection, config.agreement_threshold)
    return Inspection(patches, pairs, student_labels, _masks(teacher_logits, trainer.patch_size), agreement, kept)


def _predict(trainer, patches: list[FixedPatch], pairs: Pairs) -> tuple[Tensor, dict[str, Tensor]]:
    """The student's label maps, on the CPU, and the teachers' logits of every pair."""
    views = torch.stack([patch.views for patch in patches]).to(trainer.device)
    prompt_map = torch.stack([patch.prompt_map for patch in patches]).to(trainer.device)
    student_view, ct_hu, pet_suv = split_views(views)
    with _at_rest(trainer.network) as network, trainer._autocast():
        student_probs = trainer.full_resolution(network(student_view)).float().softmax(1)
        teacher_logits = trainer.within_memory(
            trainer.ensemble.predict, {"ct": ct_hu, "pet": pet_suv}, prompt_map, student_probs, pairs
        )
    return student_probs.argmax(1).cpu(), teacher_logits


def _masks(teacher_logits: dict[str, Tensor], patch_size: tuple[int, ...]) -> dict[str, Tensor]:
    from nnunetv2_muduo.teachers.patch_space import (
        patch_probs,  # here: prediction imports this file and needs no teacher
    )

    masks = {modality: (patch_probs(logits, patch_size) > 0.5).cpu() for modality, logits in teacher_logits.items()}
    if len(teacher_logits) == 2:
        alpha = torch.full((len(teacher_logits["ct"]),), ALPHA, device=teacher_logits["ct"].device)
        masks["mixed"] = pseudo_label(teacher_logits, alpha, patch_size).cpu()
    return masks


@contextmanager
def _at_rest(network: nn.Module):
    """The bare network in eval mode: DDP would wait for other processes, a compiled one would compile for this batch."""
    bare = distributed.bare(network)
    was_training = bare.training
    bare.eval()
    try:
        yield bare
    finally:
        bare.train(was_training)
