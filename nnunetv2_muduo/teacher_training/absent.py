"""Prompts for what is not there: organs that are asked for where nothing lies, to be answered with nothing.

A student's map holds organs where there are none, and a user clicks beside one. A teacher that has only been asked for what is
there answers with something. Not part of the published recipe.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nnunetv2_muduo.teacher_training.crops import Crops

MIN_VOXELS = 8  # of a misplaced organ; one with less of it on background stays where it is


@dataclass(frozen=True)
class FirstPrompts:
    """What a teacher is asked with from outside, before its own answers.

    pointed_mask: where a user points, boolean [N, S, S, S]: the organ, unless it is absent.
    maps: probabilities [N, S, S, S] that a student might give; None for none.
    """

    pointed_mask: Tensor
    maps: Tensor | None = None


def with_absent_organs(
    crops: Crops, maps: Tensor | None, fraction: float, generator: torch.Generator
) -> tuple[Crops, FirstPrompts]:
    """Some organs moved, as prompts alone, to a place of their crop without any label.

    Args:
        maps: probabilities [N, S, S, S] that a student might give the organs, moved along.
        fraction: part of the organs that are moved, where there is room.

    Returns:
        The crops, in which the moved ones' truth is empty, and the prompts.
    """
    if fraction == 0 or not crops.organs:
        return crops, FirstPrompts(crops.truth_mask, maps)
    device, size = crops.truth_mask.device, crops.truth_mask.shape[-1]
    is_background = ~crops.labeled_mask[crops.crop_index]
    shift = torch.randint(size // 4, size - size // 4 + 1, (3,), generator=generator, device=generator.device).tolist()
    moved = crops.truth_mask.roll(shift, (1, 2, 3)) & is_background
    drawn = torch.rand(len(crops.organs), generator=generator, device=generator.device).to(device) < fraction
    is_absent = (drawn & (moved.flatten(1).sum(1) >= MIN_VOXELS))[:, None, None, None]
    if maps is not None:
        maps = torch.where(is_absent, maps.roll(shift, (1, 2, 3)) * is_background, maps)
    pointed_mask = torch.where(is_absent, moved, crops.truth_mask)
    return replace(crops, truth_mask=crops.truth_mask & ~is_absent), FirstPrompts(pointed_mask, maps)
