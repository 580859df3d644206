"""Masks of a teacher under autocast against float32."""

import torch
from torch import Tensor

from benchmarks.speed.phantom_patches import ORGANS, Patches
from nnunetv2_muduo.data.pairs import valid_pairs
from nnunetv2_muduo.teachers.patch_space import normalize_ct, normalize_pet
from nnunetv2_muduo.teachers.prompts import points_of_organs
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def worst_mask_dice(teacher: Sam3DTeacher, patches: Patches) -> dict[str, float]:
    """Smallest Dice over 12 organs and three images (CT, PET, noise), for each half precision."""
    noise = torch.randn(patches.ct_hu[:1].shape, generator=torch.Generator().manual_seed(0)).to(patches.ct_hu.device)
    images = [normalize_ct(patches.ct_hu[:1]), normalize_pet(patches.pet_suv[:1]), noise]
    (boxes,) = valid_pairs(patches.organ_map[:1].cpu(), list(ORGANS.values())).boxes
    organs = [(organ + 1, box) for organ, box in boxes.items()]
    points = points_of_organs(patches.organ_map[0, 0], organs, 3, 3.0, True)
    worst = dict.fromkeys(DTYPES, 1.0)
    for image in images:
        expected = _masks(teacher, image, points)
        for name, dtype in DTYPES.items():
            with torch.autocast(image.device.type, dtype):
                worst[name] = min(worst[name], _dice(_masks(teacher, image, points), expected).min().item())
    return worst


def _masks(teacher: Sam3DTeacher, image: Tensor, points: tuple[Tensor, Tensor]) -> Tensor:
    size = teacher.low_res_size
    return teacher.decode(teacher.encode(image), points, image.new_zeros(1, 1, size, size, size)) > 0


def _dice(masks: Tensor, expected: Tensor) -> Tensor:
    masks, expected = masks.flatten(1), expected.flatten(1)
    return 2 * (masks & expected).sum(1) / (masks.sum(1) + expected.sum(1))
