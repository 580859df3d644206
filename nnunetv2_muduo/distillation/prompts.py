"""Prompts for the teachers: points from the prompt map for PET, the student's map of an organ for CT."""

import torch
import torch.nn.functional as F
from torch import Tensor

LOGIT_CLIP = 1e-4  # probabilities are kept this far from 0 and 1, so mask prompts lie in about -9.2 .. 9.2
NOT_A_POINT = -1  # the teachers' label for padding, which is neither a positive nor a negative click
_KERNEL_RADIUS_SIGMAS = 3


def gaussian_smooth(maps: Tensor, sigma_voxels: float) -> Tensor:
    """Maps [n, a, b, c] convolved with a Gaussian, zero outside, cut off at three standard deviations."""
    radius = max(1, round(_KERNEL_RADIUS_SIGMAS * sigma_voxels))
    offsets = torch.arange(-radius, radius + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma_voxels) ** 2)
    kernel = kernel / kernel.sum()
    smoothed = maps[:, None]
    for axis in range(3):
        shape, padding = [1, 1, 1, 1, 1], [0, 0, 0]
        shape[2 + axis], padding[axis] = len(kernel), radius
        smoothed = F.conv3d(smoothed, kernel.view(shape), padding=padding)
    return smoothed[:, 0]


def points_from_masks(
    organ_masks: Tensor, n_points: int, smoothing_voxels: float, suppress: bool = True
) -> tuple[Tensor, Tensor]:
    """The highest places of each smoothed organ mask (eq. 2), as positive clicks.

    After each point a ball around it is suppressed, half as wide as a cube of the organ's volume, so that the next point
    lies elsewhere in the organ. Without suppression the highest places are neighboring voxels.

    Args:
        organ_masks: binary masks [n, a, b, c].
        n_points: points per organ (the paper's K).
        smoothing_voxels: standard deviation of the Gaussian.
        suppress: whether the points have to spread.

    Returns:
        Voxel indices [n, n_points, 3] in the order of the mask's axes (float, 0 where there is no point) and labels
        [n, n_points]: 1, or -1 ("not a point") where the organ had no place left.
    """
    masks = organ_masks.float()
    height = gaussian_smooth(masks, smoothing_voxels).masked_fill(masks == 0, 0)
    radii = 0.5 * masks.flatten(1).sum(1).pow(1 / 3).clamp(min=2) if suppress else masks.new_zeros(len(masks))
    points, labels = [], []
    for _ in range(n_points):
        peak, index = height.flatten(1).max(1)
        found = peak > 0
        point = torch.stack(torch.unravel_index(index, height.shape[1:]), dim=-1) * found[:, None]
        points.append(point.float())
        labels.append(torch.where(found, 1, NOT_A_POINT))
        height = height.masked_fill(_ball(point, radii, height.shape[1:]), 0)
    return torch.stack(points, 1), torch.stack(labels, 1)


def mask_prompts(organ_probs: Tensor, size: int, value: str = "logit") -> Tensor:
    """Low-resolution mask prompts [n, 1, size, size, size] from organ probabilities [n, a, b, c], by area averaging.

    Args:
        organ_probs: probabilities in [0, 1]; a binary mask will do.
        size: edge of the teacher's mask grid, a quarter of its image size.
        value: `logit` of the clipped probability, or the bare `probability` (method.md 1.4, row 2).
    """
    averaged = F.adaptive_avg_pool3d(organ_probs[:, None].float(), size)
    return torch.logit(averaged, eps=LOGIT_CLIP) if value == "logit" else averaged


def _ball(centers: Tensor, radii: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Masks [n, *shape] of the voxels within `radii` [n] (voxels) of `centers` [n, 3]."""
    squared_distance = 0
    for axis, size in enumerate(shape):
        view = [len(centers), 1, 1, 1]
        view[1 + axis] = size
        offsets = torch.arange(size, device=centers.device)[None] - centers[:, axis, None]
        squared_distance = squared_distance + offsets.square().view(view)
    return squared_distance <= radii.square()[:, None, None, None]
