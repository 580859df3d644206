import pytest
import torch

from nnunetv2_muduo.teacher_training.crops import Cropper
from nnunetv2_muduo.teacher_training.validation import held_out_crops, mean_of_prompts, validate


def test_held_out_figures_cover_every_prompt_and_organ(tiny_teacher, volumes):
    crops = held_out_crops(volumes, Cropper("ct", 16, 8), 4)
    assert [len(crops), *[len(crop.image) for crop in crops]] == [4, 1, 1, 1, 1]
    dice = validate(tiny_teacher, crops, torch.device("cpu"))
    assert dice == validate(tiny_teacher, crops, torch.device("cpu"))
    kinds = ["1 click", "3 clicks", "5 clicks", "3 points at once", "true mask", "student-like mask"]
    assert list(dice) == [*kinds, "student-like mask itself"]
    assert all(list(of) == ["mean", "liver", "spleen"] for of in dice.values())
    assert dice["1 click"]["mean"] == pytest.approx((dice["1 click"]["liver"] + dice["1 click"]["spleen"]) / 2)
    assert mean_of_prompts(dice) == pytest.approx(sum(dice[kind]["mean"] for kind in kinds) / 6)
