"""A promptable network asked in rounds for the organs of a patch, as a user would who sees a given mask (SemiSAM+)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from nnunetv2_muduo.teachers.click_rounds import chained_rounds, logits_of_crop
from nnunetv2_muduo.teachers.prompts import mask_prompts
from nnunetv2_muduo.teachers.robots import robot
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher


def ask_with_clicks(
    teacher: Sam3DTeacher, embedding: Tensor, organ_mask: Tensor, n_rounds: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Answer to clicks that add up, each where the answer before it differs from the organ, and how the answers vary.

    Args:
        embedding: [1, C, n, n, n] of one patch.
        organ_mask: boolean [N, S, S, S] in the teacher's axes, each of at least one voxel. The first click lies in the organ.

    Returns:
        The last round's mask, boolean [N, S, S, S], and the variance over rounds of the probabilities [N, S, S, S]: 0 where
        all rounds agree, 0.25 where half of them are sure of one thing and half of the other.
    """
    embeddings = embedding.expand(len(organ_mask), -1, -1, -1, -1)
    user = robot("random", generator)
    rounds = chained_rounds(teacher, embeddings, organ_mask, [True] * n_rounds, user, keep_clicks=True)
    return last_and_variance(logits.sigmoid() for logits in rounds)


def ask_with_mask(teacher: Sam3DTeacher, embedding: Tensor, organ_probs: Tensor) -> tuple[Tensor, Tensor]:
    """Answer to the organs' probabilities [N, S, S, S] as mask prompts: the mask, and no variance, as there is one round.

    Where an answer is no finite number, the variance is none either, here and for clicks.
    """
    low_res_logits = teacher.decode(embedding, None, mask_prompts(organ_probs, teacher.low_res_size))
    logits = logits_of_crop(low_res_logits, organ_probs.shape[-1])
    return logits > 0, torch.where(logits.isfinite(), 0.0, torch.nan)


def last_and_variance(rounds_probs: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    """Mask of the last round, and population variance over rounds, of which one is in memory at a time (Welford, 1962)."""
    n, mean, squares, probs = 0, 0.0, 0.0, None
    for n, probs in enumerate(rounds_probs, start=1):
        difference = probs - mean
        mean = mean + difference / n
        squares = squares + difference * (probs - mean)
    return probs > 0.5, squares / n
