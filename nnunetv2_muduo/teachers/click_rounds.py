"""Rounds of clicks that a teacher answers: each click corrects the answer before it, which is the next mask prompt."""

from collections.abc import Iterator

import torch
from torch import Tensor

from nnunetv2_muduo.teachers.clicks import Points
from nnunetv2_muduo.teachers.patch_space import patch_logits
from nnunetv2_muduo.teachers.prompts import empty_mask_prompts
from nnunetv2_muduo.teachers.robots import Robot
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

CLICK_LOGIT = 0.5  # a click corrects what is above it, as published; everywhere else the threshold is 0


def chained_rounds(
    teacher: Sam3DTeacher,
    embeddings: Tensor,
    truth_mask: Tensor,
    schedule: list[bool],
    robot: Robot,
    keep_clicks: bool,
    begin: Points | Tensor | None = None,
) -> Iterator[Tensor]:
    """Logits [N, S, S, S] of rounds in which each mask prompt is the answer before it.

    Args:
        embeddings: [N, C, n, n, n]; truth_mask: boolean [N, S, S, S].
        schedule: whether each round has a click; the others have the mask alone.
        robot: who clicks.
        keep_clicks: whether clicks are repeated in later rounds with a click.
        begin: points of the first round, or mask prompts [N, 1, s, s, s] that its click corrects. None for a click, without
            a mask before it.
    """
    no_mask = empty_mask_prompts(len(truth_mask), teacher.low_res_size, embeddings)
    low_res_logits, first = (begin, None) if isinstance(begin, Tensor) else (no_mask, begin)
    prediction_mask, points = logits_of_crop(low_res_logits, truth_mask.shape[-1]) > CLICK_LOGIT, None
    for has_click in schedule:
        if has_click:
            fresh = first or robot(prediction_mask, truth_mask)
            points = _joined(points, fresh) if keep_clicks else fresh
            first = None
        low_res_logits = teacher.decode(embeddings, points if has_click else None, low_res_logits)
        logits = logits_of_crop(low_res_logits, truth_mask.shape[-1])
        prediction_mask = logits.detach() > CLICK_LOGIT
        yield logits


def logits_of_crop(low_res_logits: Tensor, size: int) -> Tensor:
    """Logits [N, 1, s, s, s] resized to a crop of `size` voxels along each axis [N, S, S, S]."""
    return patch_logits(low_res_logits, (size,) * 3)


def _joined(points: Points | None, fresh: Points) -> Points:
    if points is None:
        return fresh
    return torch.cat([points[0], fresh[0]], 1), torch.cat([points[1], fresh[1]], 1)
