"""Labels of crops by a 2D network: each crop on canvases, segmented, and back."""

import torch
from torch import Tensor

from nnunetv2_muduo.teachers.sam2d.network import SemanticSam
from nnunetv2_muduo.teachers.sam2d.slices import as_three_channels, from_canvases, to_canvases


def canvases_of(crops: Tensor, axis: int, canvas_size: int) -> Tensor:
    """What SAM sees [N, 3, canvas_size, canvas_size] of crops [B, C, a, b, c] that are cut along the spatial `axis`."""
    return as_three_channels(torch.cat([to_canvases(crop, axis, canvas_size) for crop in crops]))


@torch.no_grad()
def label_crops(network: SemanticSam, crops: Tensor, axis: int) -> Tensor:
    """The likeliest class of each voxel [B, 1, a, b, c] (int16) of crops [B, C, a, b, c], in the memory of one canvas.

    Raises ValueError where a slice is larger than the canvas, or there are more than three channels.
    """
    volumes = []
    for crop in crops:
        canvases = canvases_of(crop[None], axis, network.canvas_size)
        labels = torch.cat([network(canvas[None]).argmax(1, keepdim=True) for canvas in canvases])
        volumes.append(from_canvases(labels, crop.shape[1:], axis))
    return torch.stack(volumes).to(torch.int16)
