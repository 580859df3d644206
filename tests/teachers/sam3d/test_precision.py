"""Masks under autocast are those of float32."""

import pytest
import torch
from seeded_weights import seeded_patch


def masks_of(teacher, image, n_prompts=6):
    generator = torch.Generator().manual_seed(3)
    points = 128 * torch.rand(n_prompts, 3, 3, generator=generator), torch.ones(n_prompts, 3)
    mask_prompts = 4 * torch.randn(n_prompts, 1, 32, 32, 32, generator=generator)
    embedding = teacher.encode(image)
    by_points = teacher.decode(embedding, points, torch.zeros(1, 1, 32, 32, 32))
    return torch.cat([by_points, teacher.decode(embedding, None, mask_prompts)]).float() > 0


def structured_patch():
    """A smooth body with organs, noise in it and nothing around it."""
    patch = torch.from_numpy(seeded_patch(0))
    axis = torch.linspace(-1, 1, 128)
    body = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2 < 0.7
    return torch.where(body, patch, -1.0)


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, pytest.param(torch.float16, marks=pytest.mark.slow)], ids=["bf16", "fp16"]
)
@pytest.mark.parametrize("kind", ["structured", "random"])
def test_masks_of_the_public_architecture(golden_teacher, dtype, kind):
    random = torch.randn(1, 1, 128, 128, 128, generator=torch.Generator().manual_seed(5))
    image = structured_patch() if kind == "structured" else random
    expected = masks_of(golden_teacher, image).flatten(1)
    with torch.autocast("cpu", dtype):
        masks = masks_of(golden_teacher, image).flatten(1)
    share = expected.float().mean(1)
    assert ((share > 0.1) & (share < 0.9)).all()
    dice = 2 * (masks & expected).sum(1) / (masks.sum(1) + expected.sum(1))
    assert dice.min() >= 0.995
