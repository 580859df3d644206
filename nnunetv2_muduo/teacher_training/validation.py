"""Dice of a teacher's masks on held-out crops, by kind of prompt and organ."""

from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor

from nnunetv2_muduo.teacher_training.crops import Cropper, Crops
from nnunetv2_muduo.teacher_training.simulated_student_masks import simulated_student_probs
from nnunetv2_muduo.teacher_training.volumes import Volume
from nnunetv2_muduo.teachers.click_rounds import chained_rounds, logits_of_crop
from nnunetv2_muduo.teachers.clicks import interior_points
from nnunetv2_muduo.teachers.prompts import empty_mask_prompts, mask_prompts
from nnunetv2_muduo.teachers.robots import robot
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

N_CLICKS = (1, 3, 5)
N_POINTS = 3
PROMPT_ITSELF = "student-like mask itself"
_SEED = 0

Dice = dict[str, dict[str, float]]
"""Mean Dice by kind of prompt and organ; `mean` is that over organs."""


def held_out_crops(volumes: list[Volume], cropper: Cropper, n_crops: int) -> list[Crops]:
    """The same crops at every call: around organs, one organ after another so that all have their share."""
    generator = torch.Generator().manual_seed(_SEED)
    by_organ = defaultdict(list)
    for volume in volumes:
        for label in volume.centers:
            by_organ[volume.organs[label]].append((volume, volume.centers[label]))
    rank = {organ: torch.randperm(len(places), generator=generator) for organ, places in by_organ.items()}
    turns = [
        (turn, organ, places[i]) for organ, places in by_organ.items() for turn, i in enumerate(rank[organ].tolist())
    ]
    chosen = sorted(turns, key=lambda entry: entry[0])[:n_crops]
    return [cropper.crop(volume, center, generator) for _, _, (volume, center) in chosen]


@torch.no_grad()
def validate(teacher: Sam3DTeacher, crops: list[Crops], device: torch.device) -> Dice:
    """Mean Dice over the organs' appearances in the crops, by kind of prompt and organ, and the mean over organs.

    The clicks of a chain add up, as they do when a user gives them.
    """
    generator = torch.Generator(device).manual_seed(_SEED)
    values = defaultdict(lambda: defaultdict(list))
    for part in crops:
        for kind, dice in _dice_by_prompt(teacher, part.to(device), generator) if part.organs else ():
            for organ, value in zip(part.organs, dice.tolist(), strict=True):
                values[kind][organ].append(value)
    means = {kind: {organ: sum(v) / len(v) for organ, v in sorted(organs.items())} for kind, organs in values.items()}
    return {kind: {"mean": sum(organs.values()) / len(organs), **organs} for kind, organs in means.items()}


def mean_of_prompts(dice: Dice) -> float:
    """One number for a teacher: the mean over kinds of prompts."""
    means = [organs["mean"] for kind, organs in dice.items() if kind != PROMPT_ITSELF]
    return sum(means) / len(means)


def _dice_by_prompt(teacher: Sam3DTeacher, crop: Crops, generator: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    truth = crop.truth_mask
    embeddings = teacher.encode(crop.image)[crop.crop_index]

    def answer(points, masks) -> Tensor:
        return dice_of_masks(logits_of_crop(teacher.decode(embeddings, points, masks), truth.shape[-1]) > 0, truth)

    user = robot("random", generator)
    clicks = chained_rounds(teacher, embeddings, truth, [True] * max(N_CLICKS), user, keep_clicks=True)
    for n_clicks, logits in enumerate(clicks, start=1):
        if n_clicks in N_CLICKS:
            yield f"{n_clicks} click{'s' * (n_clicks > 1)}", dice_of_masks(logits > 0, truth)
    no_mask = empty_mask_prompts(1, teacher.low_res_size, embeddings)
    yield f"{N_POINTS} points at once", answer(interior_points(truth, N_POINTS, generator), no_mask)
    yield "true mask", answer(None, mask_prompts(truth, teacher.low_res_size))
    probs = simulated_student_probs(truth, crop.crop_index, generator)
    prompts = mask_prompts(probs, teacher.low_res_size)
    yield "student-like mask", answer(None, prompts)
    yield PROMPT_ITSELF, dice_of_masks(logits_of_crop(prompts, truth.shape[-1]) > 0, truth)


def dice_of_masks(prediction_mask: Tensor, truth_mask: Tensor) -> Tensor:
    """Dice [N] of boolean masks [N, a, b, c]; the truth is never empty."""
    prediction, truth = prediction_mask.flatten(1), truth_mask.flatten(1)
    return 2 * (prediction & truth).sum(1) / (prediction.sum(1) + truth.sum(1))
