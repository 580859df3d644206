"""Linear maps that act on each axis of a volume by itself, as matrix products: smoothing and interpolation.

Matrix products run at full speed on every device, while one-channel 3D convolutions and interpolation do not on a CPU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def along_axes(volumes: Tensor, matrices: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Volumes [n, a, b, c] with a [A, a], a [B, b] and a [C, c] matrix applied to their axes: [n, A, B, C]."""
    first, second, third = matrices
    with torch.autocast(volumes.device.type, enabled=False):  # half precision would move thresholds and maxima
        rows = second @ (volumes @ third.T)
        return (first @ rows.flatten(2)).unflatten(2, rows.shape[2:])


def gaussian_matrix(size: int, sigma_voxels: float, device: torch.device) -> Tensor:
    """Convolution of `size` values with a Gaussian, zero outside, cut off at three standard deviations."""
    radius = max(1, round(3 * sigma_voxels))
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=device) / sigma_voxels) ** 2)
    position = torch.arange(size, device=device)
    offset = position[:, None] - position + radius
    weights = (kernel / kernel.sum())[offset.clamp(0, 2 * radius)]
    return weights.masked_fill((offset < 0) | (offset > 2 * radius), 0)


def interpolation_matrix(size: int, new_size: int, device: torch.device) -> Tensor:
    """Linear interpolation of `size` values at `new_size` places, as F.interpolate does it without aligned corners."""
    return F.interpolate(torch.eye(size, device=device)[None], size=new_size, mode="linear", align_corners=False)[0].T


def resampling_matrix(size: int, new_size: int, device: torch.device) -> Tensor:
    """As `interpolation_matrix`, but fewer places are each a weighted mean of all values around them, so that none is skipped."""
    identity = torch.eye(size, device=device)[None, None]
    return F.interpolate(identity, size=(size, new_size), mode="bilinear", antialias=True, align_corners=False)[0, 0].T
