"""Simulated organ maps of a student in training: the truth, degraded.

A young student's map of an organ is blurred, shifted, too large or too small, patchy, spills into the organ beside it, and
is less sure than it should be, everywhere. Not part of the published recipe, where mask prompts are a teacher's own answers.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_muduo.teachers.separable import along_axes, gaussian_matrix

MAX_SHIFT, MAX_SCALE = 0.07, 0.2  # of half the crop's edge, of the organ's distance from the crop's center
MAX_SIGMA = 1 / 24  # blur, of the crop's edge
NOISE_CELLS = (4, 10)  # how many cells of noise the crop's edge has
SPILL_FRACTION = 0.25


def simulated_student_probs(truth_mask: Tensor, crop_index: Tensor, generator: torch.Generator) -> Tensor:
    """Degraded organs.

    Args:
        truth_mask: boolean [N, S, S, S]; crop_index: [N], which of them share a crop.

    Returns:
        Probabilities [N, S, S, S].
    """
    degraded = _with_neighbors(truth_mask.float(), crop_index, generator)
    degraded = _blurred(_moved(degraded, generator), generator)
    degraded = degraded / degraded.flatten(1).amax(1).clamp(min=0.1)[:, None, None, None]
    level, steepness, noise, highest, lowest = _uniform(
        degraded, generator, (0.15, 0.6), (8, 16), (0, 1.5), (0.5, 1), (0, 0.05)
    )
    shape = torch.sigmoid(steepness * (degraded - level) + noise.square() * _smooth_noise(degraded, generator))
    return lowest + (highest - lowest) * shape


def _with_neighbors(organs: Tensor, crop_index: Tensor, generator: torch.Generator) -> Tensor:
    """Some organs joined with the next one of the same crop."""
    shares_crop = crop_index == crop_index.roll(1)
    (draw,) = _uniform(organs, generator, (0, 1))
    joined = shares_crop[:, None, None, None] & (draw < SPILL_FRACTION)
    return torch.where(joined, organs.maximum(organs.roll(1, 0)), organs)


def _moved(organs: Tensor, generator: torch.Generator) -> Tensor:
    """Each organ shifted and stretched by its own amounts."""
    n, device = len(organs), organs.device
    draws = 2 * torch.rand(n, 6, generator=generator, device=device) - 1
    maps = torch.zeros(n, 3, 4, device=device)
    maps[:, :, :3] = torch.diag_embed(1 + MAX_SCALE * draws[:, :3])
    maps[:, :, 3] = MAX_SHIFT * draws[:, 3:]
    grid = F.affine_grid(maps, [n, 1, *organs.shape[1:]], align_corners=False)
    return F.grid_sample(organs[:, None], grid, align_corners=False)[:, 0]


def _blurred(organs: Tensor, generator: torch.Generator) -> Tensor:
    """All organs smoothed by one Gaussian."""
    size = organs.shape[-1]
    draw = torch.rand((), generator=generator, device=organs.device).item()
    return along_axes(organs, (gaussian_matrix(size, (0.2 + 0.8 * draw) * MAX_SIGMA * size, organs.device),) * 3)


def _smooth_noise(organs: Tensor, generator: torch.Generator) -> Tensor:
    """Noise of about unit variance, with cells of one random size."""
    n_cells = int(torch.randint(*NOISE_CELLS, (), generator=generator, device=organs.device))
    noise = torch.randn(len(organs), 1, *[n_cells] * 3, generator=generator, device=organs.device)
    return F.interpolate(noise, size=organs.shape[1:], mode="trilinear", align_corners=False)[:, 0]


def _uniform(organs: Tensor, generator: torch.Generator, *ranges: tuple[float, float]) -> list[Tensor]:
    """One number [N, 1, 1, 1] per organ from each range."""
    draws = torch.rand(len(ranges), len(organs), 1, 1, 1, generator=generator, device=organs.device)
    return [low + (high - low) * draw for (low, high), draw in zip(ranges, draws, strict=True)]
