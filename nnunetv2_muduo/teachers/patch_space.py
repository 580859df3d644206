"""Space of a teacher's patch: axis order, normalization and resolution (docs/teachers.md, "What the networks expect").

nnU-Net's arrays are SimpleITK's (z, y, x) with the plan's `transpose_forward` applied; a teacher's are (x, y, z). Only
the order of the axes is restored, not their signs: the public networks were trained with random flips of all three
axes, on files in whatever orientation they were stored, so a flip is nothing new to them, while a permutation is.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from nnunetv2_muduo.data.channels import SEEN_HU
from nnunetv2_muduo.teachers.separable import along_axes, interpolation_matrix, resampling_matrix

RELATIVE_STD_FLOOR = 1e-5  # a spread below this share of the mean is rounding: the patch is constant

Axes = tuple[int, int, int]


def teacher_axes(transpose_forward: Sequence[int]) -> Axes:
    """For each teacher axis x, y, z the axis of nnU-Net's patch that runs along it.

    Axis i of the patch is axis `transpose_forward[i]` of the (z, y, x) array, and teacher axis j is its axis 2 - j.
    ValueError unless `transpose_forward` orders 0, 1, 2.
    """
    order = [int(axis) for axis in transpose_forward]
    if sorted(order) != [0, 1, 2]:
        raise ValueError(f"transpose_forward must be an order of 0, 1, 2 (a 3D plan), got {list(transpose_forward)}")
    return order.index(2), order.index(1), order.index(0)


def to_teacher_axes(volume: Tensor, axes: Axes) -> Tensor:
    """View of [..., a, b, c] in nnU-Net's order as [..., x, y, z]."""
    return volume.permute(*range(volume.ndim - 3), *(volume.ndim - 3 + axis for axis in axes))


def from_teacher_axes(volume: Tensor, axes: Axes) -> Tensor:
    """View of [..., x, y, z] in nnU-Net's order [..., a, b, c]."""
    return to_teacher_axes(volume, _inverse(axes))


def resampled(volumes: Tensor, size: Sequence[int]) -> Tensor:
    """Volumes [n, a, b, c] as [n, *size] over the same space: linear, and smoothed along axes that lose voxels."""
    if tuple(volumes.shape[1:]) == tuple(size):
        return volumes
    a, b, c = (resampling_matrix(old, new, volumes.device) for old, new in zip(volumes.shape[1:], size, strict=True))
    return along_axes(volumes.float(), (a, b, c))


def resampled_points(points: Tensor, old_size: Sequence[int], new_size: Sequence[int]) -> Tensor:
    """The voxels of a volume of `new_size` that array indices [..., 3] of one of `old_size` over the same space lie in."""
    if tuple(old_size) == tuple(new_size):
        return points
    old, new = (torch.tensor(size).to(points, non_blocking=True) for size in (old_size, new_size))
    return ((points + 0.5) * new / old).floor()


def points_to_teacher_axes(points: Tensor, axes: Axes) -> Tensor:
    """Array indices [..., 3] of nnU-Net's patch as array indices (x, y, z) of the teacher's."""
    return torch.stack([points[..., axis] for axis in axes], dim=-1)


def normalize_ct(ct_hu: Tensor) -> Tensor:
    """Z-score of [B, 1, a, b, c] in HU, clamped to [-1000, 1000], by the voxels above 0 HU of each patch."""
    return _z_score_of_positive(ct_hu.clamp(*SEEN_HU))


def normalize_pet(pet_suv: Tensor) -> Tensor:
    """Z-score of [B, 1, a, b, c] in SUV by the voxels above 0 of each patch."""
    return _z_score_of_positive(pet_suv)


def patch_logits(low_res_logits: Tensor, patch_size: tuple[int, ...]) -> Tensor:
    """Logits [n, *patch_size] from low-resolution ones [n, 1, s, s, s].

    Trilinear, as `F.interpolate` without aligned corners, but faster on a CPU.
    """
    low_res = low_res_logits[:, 0].float()
    a, b, c = (
        interpolation_matrix(size, new_size, low_res.device)
        for size, new_size in zip(low_res.shape[1:], patch_size, strict=True)
    )
    return along_axes(low_res, (a, b, c))


def patch_probs(low_res_logits: Tensor, patch_size: tuple[int, ...]) -> Tensor:
    """Probabilities [n, *patch_size] from low-resolution logits [n, 1, s, s, s]: trilinear, then sigmoid (eq. 1, 3)."""
    return patch_logits(low_res_logits, patch_size).sigmoid_()


def _inverse(axes: Axes) -> Axes:
    return axes.index(0), axes.index(1), axes.index(2)


def _z_score_of_positive(volume: Tensor) -> Tensor:
    """(v - mean) / std, with mean and unbiased std over v > 0 of each sample; zeros where these voxels do not vary."""
    spatial = (1, 2, 3, 4)
    positive = volume > 0
    n_positive = positive.sum(spatial, keepdim=True)
    mean = torch.where(positive, volume, 0).sum(spatial, keepdim=True) / n_positive.clamp(min=1)
    squares = torch.where(positive, (volume - mean).square(), 0).sum(spatial, keepdim=True)
    std = (squares / (n_positive - 1).clamp(min=1)).sqrt()
    varies = std > RELATIVE_STD_FLOOR * mean
    return torch.where(varies, (volume - mean) / torch.where(varies, std, 1), 0)
