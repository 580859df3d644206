"""The teacher stage as published: for every organ, both image encoders again, one decode per patch, maps of its own.

As in MuDuo's released code (docs/method.md), the encoders run inside the loop over organs, although they do not depend on
the organ. Prompts are the package's, so that both ways can be compared number by number.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.speed.literal_sam3d import literal_decode, literal_encode
from nnunetv2_muduo.teachers.patch_space import (
    normalize_ct,
    normalize_pet,
    points_to_teacher_axes,
    teacher_axes,
    to_teacher_axes,
)
from nnunetv2_muduo.teachers.prompts import mask_prompts, points_of_mask
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

AXES = teacher_axes([0, 1, 2])
PROMPTS = {"ct_prompts": "mask", "pet_prompts": "points"}
"""Config fields: how the released code asks each teacher."""


def published_organ(
    teachers: dict[str, Sam3DTeacher], images: dict[str, Tensor], prompts: dict[str, Tensor], alpha: float
) -> tuple[Tensor, Tensor]:
    """What the stage makes of one organ in all patches.

    Args:
        images: "ct" in HU and "pet" in SUV, [B, 1, a, b, c].
        prompts: student's probabilities of the organ for "ct", its mask in the prompt map for "pet", [B, a, b, c].
        alpha: share of CT in the mixture.

    Returns:
        Agreement [B] and hard pseudo label [a, b, c] of the patch with the best one.
    """
    probs = {"ct": [], "pet": []}
    for modality, teacher in teachers.items():
        for image, prompt in zip(images[modality], prompts[modality], strict=True):
            logits = _ask(teacher, modality, image[None], prompt)
            low_res = to_teacher_axes(logits, AXES)  # its own inverse: x, y, z <-> z, y, x
            upsampled = F.interpolate(low_res, size=prompt.shape, mode="trilinear", align_corners=False)
            probs[modality].append(upsampled[0, 0].sigmoid())
    ct, pet = torch.stack(probs["ct"]), torch.stack(probs["pet"])
    agreement = (ct * pet).sum((1, 2, 3)) / ((ct + pet - ct * pet).sum((1, 2, 3)) + 1e-8)
    mixed = alpha * ct + (1 - alpha) * pet > 0.5
    return agreement, mixed[agreement.argmax()]


def _ask(teacher: Sam3DTeacher, modality: str, image: Tensor, prompt: Tensor) -> Tensor:
    normalized = normalize_ct(image) if modality == "ct" else normalize_pet(image)
    embedding = literal_encode(teacher.image_encoder, to_teacher_axes(normalized, AXES).contiguous())
    size = teacher.low_res_size
    if modality == "ct":
        mask = to_teacher_axes(mask_prompts(prompt[None], size), AXES).contiguous()
        return literal_decode(teacher, embedding, None, mask)
    points, labels = points_of_mask(prompt, n_points=3, sigma_voxels=3.0)
    points = points_to_teacher_axes(points.float(), AXES)
    return literal_decode(teacher, embedding, (points[None], labels[None]), image.new_zeros(1, 1, size, size, size))
