"""Prompts for the teachers: points in an organ of the prompt map, and the student's or the prompt map's mask of it."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_muduo.data.pairs import Box
from nnunetv2_muduo.teachers.separable import along_axes, gaussian_matrix

LOGIT_CLIP = 1e-4  # probabilities are kept this far from 0 and 1, so mask prompts lie in about -9.2 .. 9.2
NOT_A_POINT = -1  # the teachers' label for padding, which is neither a positive nor a negative click
_HEIGHT_STEPS = 1e5  # heights of a smoothed organ that differ by less than this part of the highest are equal
_BEYOND_ANY_DISTANCE = 2**24  # squared, in half voxels, in a patch of up to 1000 voxels along an axis


def gaussian_smooth(volume: Tensor, sigma_voxels: float) -> Tensor:
    """Volume [a, b, c] convolved with a Gaussian, zero outside, cut off at three standard deviations."""
    a, b, c = (gaussian_matrix(size, sigma_voxels, volume.device) for size in volume.shape)
    return along_axes(volume[None], (a, b, c))[0]


def points_of_organs(
    prompt_map: Tensor, organs: Sequence[tuple[int, Box]], n_points: int, sigma_voxels: float, suppress: bool
) -> tuple[Tensor, Tensor]:
    """Points of some organs of one prompt map; see `points_of_mask`. Each is looked for in its organ's box alone.

    Args:
        prompt_map: organ labels [a, b, c].
        organs: label value of each of n organs, and a box that holds all of it.

    Returns:
        Voxel indices [n, n_points, 3] (float, 0 where there is no point) and labels [n, n_points].
    """
    found = [points_of_mask(prompt_map[box] == label, n_points, sigma_voxels, suppress) for label, box in organs]
    places, labels = (torch.stack(part) for part in zip(*found, strict=True))
    corners = torch.tensor([[axis.start for axis in box] for _, box in organs]).to(places.device, non_blocking=True)
    return (places + corners[:, None]).float() * (labels == 1)[..., None], labels


def points_of_mask(
    organ_mask: Tensor, n_points: int, sigma_voxels: float, suppress: bool = True
) -> tuple[Tensor, Tensor]:
    """The highest places of a smoothed organ mask (eq. 2), as positive clicks.

    After each point a ball around it is suppressed, half as wide as a cube of the organ's volume, so that the next point
    lies elsewhere in the organ. Without suppression the highest places are neighboring voxels. Of equally high places,
    as there are many in the middle of a large organ, the one nearest to the organ's centroid is taken.

    Args:
        organ_mask: binary mask [a, b, c] of at least one voxel.
        n_points: points (the paper's K).
        sigma_voxels: standard deviation of the Gaussian.
        suppress: whether the points have to spread.

    Returns:
        Voxel indices [n_points, 3] in the order of the mask's axes (0 where there is no point) and labels [n_points]:
        1, or -1 ("not a point") where the organ had no place left.
    """
    mask = organ_mask.float()
    height = gaussian_smooth(mask, sigma_voxels) * mask
    rank = _higher_then_nearer(height, mask.bool())
    radius = 0.5 * mask.sum().pow(1 / 3).clamp(min=2) if suppress else mask.new_zeros(())
    points, labels = [], []
    for _ in range(n_points):
        peak, index = rank.flatten().max(0)
        point = _unravel(index, rank.shape)
        points.append(torch.where(peak > 0, point, 0))
        labels.append(torch.where(peak > 0, 1, NOT_A_POINT))
        rank = rank.masked_fill(_ball(point, radius, rank.shape), 0)
    return torch.stack(points), torch.stack(labels)


def mask_prompts(organ_probs: Tensor, size: int, value: str = "logit") -> Tensor:
    """Low-resolution mask prompts [n, 1, size, size, size] from organ probabilities [n, a, b, c], by area averaging.

    Args:
        organ_probs: probabilities in [0, 1]; a binary mask will do.
        size: edge of the teacher's mask grid, a quarter of its image size.
        value: `logit` of the clipped probability, or the bare `probability`, as in MuDuo's released code.
    """
    averaged = F.adaptive_avg_pool3d(organ_probs[:, None].float(), size)
    return torch.logit(averaged, eps=LOGIT_CLIP) if value == "logit" else averaged


def empty_mask_prompts(n: int, size: int, like: Tensor) -> Tensor:
    """Mask prompts [n, 1, size, size, size] that say nothing, of the type and on the device of `like`.

    Zeros, which the public weights were trained with; their own embedding for no mask never was (docs/teachers.md).
    """
    return like.new_zeros(n, 1, size, size, size)


def _higher_then_nearer(height: Tensor, organ_mask: Tensor) -> Tensor:
    """Whole numbers [a, b, c], above 0 in the organ alone, that are larger the higher, then the nearer to its centroid.

    Whole numbers throughout, so that symmetrical organs have true ties and a shifted organ has the same order of places.
    """
    steps = (height * (_HEIGHT_STEPS / height.amax())).round().long()
    n_voxels = organ_mask.sum()
    distance = 0  # squared, in half voxels
    for axis, size in enumerate(organ_mask.shape):
        places = torch.arange(size, device=organ_mask.device)
        profile = organ_mask.sum([other for other in range(3) if other != axis])
        twice_center = (4 * (profile * places).sum() + n_voxels) // (2 * n_voxels)
        distance = distance + (2 * places - twice_center).square().view([-1 if a == axis else 1 for a in range(3)])
    return (steps * _BEYOND_ANY_DISTANCE - distance).clamp(min=0)


def _unravel(index: Tensor, shape: Sequence[int]) -> Tensor:
    """Voxel [3] of a flat index; torch.unravel_index would wait for the GPU."""
    _, b, c = shape
    return torch.stack([index // (b * c), index // c % b, index % c])


def _ball(center: Tensor, radius: Tensor, shape: Sequence[int]) -> Tensor:
    """Mask [*shape] of the voxels within `radius` (voxels) of `center` [3]."""
    a, b, c = (
        (torch.arange(size, device=center.device) - center[axis]).square().float() for axis, size in enumerate(shape)
    )
    return a[:, None, None] + b[:, None] + c <= radius.square()
