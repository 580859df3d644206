"""Rounds of prompts that a teacher answers for each organ, by SAM-Med3D's recipe (docs/teachers.md, "Training recipe")."""

import torch
from torch import Tensor

from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teachers.click_rounds import chained_rounds, logits_of_crop
from nnunetv2_muduo.teachers.clicks import Points, interior_points
from nnunetv2_muduo.teachers.prompts import mask_prompts
from nnunetv2_muduo.teachers.robots import robot
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher


def click_schedule(n_rounds: int, generator: torch.Generator) -> list[bool]:
    """Whether each round has a click; the last and a random one between the third and the third last have not."""
    has_click = [True] * (n_rounds - 1) + [n_rounds == 1]
    if n_rounds > 4:
        has_click[int(torch.randint(2, n_rounds - 2, (), generator=generator, device=generator.device))] = False
    return has_click


def training_rounds(
    teacher: Sam3DTeacher,
    embeddings: Tensor,
    truth_mask: Tensor,
    crop_index: Tensor,
    like_student: Tensor | None,
    settings: TrainingSettings,
    generator: torch.Generator,
) -> list[Tensor]:
    """Logits [N, S, S, S] of every round of a training.

    Args:
        embeddings: one per crop; crop_index: [N], the crop of each organ.
        truth_mask: boolean [N, S, S, S].
        like_student: probabilities [N, S, S, S] that a student might give the organs, for a round more; None for none.
    """
    embeddings = embeddings[crop_index]
    schedule, keep = click_schedule(settings.n_rounds, generator), settings.keep_clicks
    prompts = None if like_student is None else mask_prompts(like_student, teacher.low_res_size)
    if prompts is not None and settings.n_rounds > 1 and _is_heads(generator):
        begin = prompts
    else:
        begin = _first_points(truth_mask, like_student, settings.first_points, generator)
    user = robot("random", generator)  # as published
    rounds = list(chained_rounds(teacher, embeddings, truth_mask, schedule, user, keep, begin))
    if prompts is not None:
        rounds.append(logits_of_crop(teacher.decode(embeddings, None, prompts), truth_mask.shape[-1]))
    return rounds


def _is_heads(generator: torch.Generator) -> bool:
    return bool(torch.rand((), generator=generator, device=generator.device) < 0.5)


def _first_points(
    truth_mask: Tensor, like_student: Tensor | None, max_points: int, generator: torch.Generator
) -> Points | None:
    """Up to `max_points` in each organ; of half of the organs in their student-like map, so that some lie off the organ."""
    if max_points == 1:
        return None
    n_points = int(torch.randint(1, max_points + 1, (), generator=generator, device=generator.device))
    if like_student is None:
        return interior_points(truth_mask, n_points, generator)
    map_mask = like_student > 0.5
    by_map = torch.rand(len(truth_mask), generator=generator, device=truth_mask.device) < 0.5
    by_map = (by_map & map_mask.flatten(1).any(1))[:, None, None, None]
    return interior_points(torch.where(by_map, map_mask, truth_mask), n_points, generator)
