"""Signed distance maps of a patch's organs, computed by the processes that load labeled patches (SASSNet)."""

import numpy as np
import SimpleITK as sitk
import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from torch import Tensor


class SignedDistancesTransform(BasicTransform):
    """Adds the signed distance maps of a patch to its targets, as the last of their list, where nnU-Net's loader keeps them."""

    def __init__(self, organ_labels: list[int]):
        super().__init__()
        self.organ_labels = organ_labels

    def __call__(self, **data_dict):
        targets = data_dict["segmentation"]
        targets = targets if isinstance(targets, list) else [targets]  # a list of sizes with deep supervision
        maps = signed_distances(targets[0][0].numpy(), self.organ_labels)
        return {**data_dict, "segmentation": [*targets, torch.from_numpy(maps)]}


def signed_distances(label_map: np.ndarray, organ_labels: list[int]) -> np.ndarray:
    """Signed distance of every voxel from each organ's surface, as a share of the largest in the patch.

    Args:
        label_map: [a, b, c].
        organ_labels: label values of n organs.

    Returns:
        [n, a, b, c], float32 in [-1, 1]: above 0 outside, 0 in the organ's outermost voxels (which touch what is outside, be
        it across a corner), below 0 within. An organ that is not in the patch is 1 everywhere, one that fills it -1. Distances
        are in voxels, whatever their size in mm.
    """
    return np.stack([signed_distance(label_map == label) for label in organ_labels])


def signed_distance(organ_mask: np.ndarray) -> np.ndarray:
    """The map of one organ from its mask [a, b, c]; see `signed_distances`."""
    if organ_mask.all() or not organ_mask.any():
        return np.full(organ_mask.shape, -1 if organ_mask.any() else 1, np.float32)
    distances = sitk.SignedMaurerDistanceMap(
        sitk.GetImageFromArray(organ_mask.astype(np.uint8)), squaredDistance=False, useImageSpacing=False
    )
    voxels = sitk.GetArrayFromImage(distances)
    return np.where(voxels > 0, voxels / voxels.max(), voxels / max(-voxels.min(), 1)).astype(np.float32)


def targets_and_distances(targets: list[Tensor]) -> tuple[Tensor | list[Tensor], Tensor]:
    """nnU-Net's own target of a batch, and the signed distance maps [B, n_organs, a, b, c] that were added to it."""
    *own, maps = targets
    return (own if len(own) > 1 else own[0]), maps
