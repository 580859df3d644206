"""Rounds of prompts that a teacher answers for each organ, by SAM-Med3D's recipe (docs/teachers.md, "Training recipe")."""

import torch
from torch import Tensor

from nnunetv2_muduo.teacher_training.absent import FirstPrompts
from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teachers.click_rounds import chained_rounds, logits_of_crop
from nnunetv2_muduo.teachers.clicks import Points, interior_points
from nnunetv2_muduo.teachers.prompts import mask_prompts
from nnunetv2_muduo.teachers.robots import Robot, robot, several_at_once
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

PART_FROM_MASKS = 0.25  # of the chains of clicks, where masks come from outside; the others begin with a first prompt
PART_WITH_ONE_POINT = 0.5  # of the first prompts, where there may be several points: the click that users begin with


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
    first: FirstPrompts,
    settings: TrainingSettings,
    generator: torch.Generator,
) -> list[Tensor]:
    """Logits [N, S, S, S] of every round of a training.

    Args:
        embeddings: one per crop; crop_index: [N], the crop of each organ.
        truth_mask: boolean [N, S, S, S].
        first: what comes from outside; maps are for a round more.
    """
    embeddings = embeddings[crop_index]
    schedule, keep = click_schedule(settings.n_rounds, generator), settings.keep_clicks
    prompts = None if first.maps is None else mask_prompts(first.maps, teacher.low_res_size)
    user = robot(settings.robots[_below(len(settings.robots), generator)], generator)
    if prompts is not None and settings.n_rounds > 1 and _happens(PART_FROM_MASKS, generator):
        begin = prompts
    else:
        begin = _first_points(first, settings.first_points, user, generator)
    user = several_at_once(user, settings.max_clicks, generator)
    rounds = list(chained_rounds(teacher, embeddings, truth_mask, schedule, user, keep, begin))
    if prompts is not None:
        rounds.append(logits_of_crop(teacher.decode(embeddings, None, prompts), truth_mask.shape[-1]))
    return rounds


def _below(n: int, generator: torch.Generator) -> int:
    return 0 if n == 1 else int(torch.randint(n, (), generator=generator, device=generator.device))


def _happens(chance: float, generator: torch.Generator) -> bool:
    return bool(torch.rand((), generator=generator, device=generator.device) < chance)


def _first_points(first: FirstPrompts, max_points: int, user: Robot, generator: torch.Generator) -> Points:
    """A user's click in each organ, or several points; half of the time these lie in its student-like map, some off the organ."""
    pointed_mask = first.pointed_mask
    if max_points == 1 or _happens(PART_WITH_ONE_POINT, generator):
        return user(torch.zeros_like(pointed_mask), pointed_mask)
    if first.maps is not None:
        map_mask = first.maps > 0.5
        by_map = torch.rand(len(pointed_mask), generator=generator, device=pointed_mask.device) < 0.5
        by_map = (by_map & map_mask.flatten(1).any(1))[:, None, None, None]
        pointed_mask = torch.where(by_map, map_mask, pointed_mask)
    return interior_points(pointed_mask, 2 + _below(max_points - 1, generator), generator)
