"""Augmentation that leaves left what it is: nnU-Net's transforms, held back from the axes from side to side."""

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.rot90 import Rot90Transform
from batchgeneratorsv2.transforms.spatial.transpose import TransposeAxesTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.random import OneOfTransform, RandomTransform


def without_axes(transform: BasicTransform, axes: set[int]) -> BasicTransform | None:
    """A transform, changed in place so that it neither mirrors along these axes nor exchanges them with others.

    Exchanging two axes mirrors, and so does a quarter of a turn before mirroring along an axis that is allowed.

    Args:
        axes: of a patch [C, 0, 1, 2].

    Returns:
        None where nothing is left of the transform.
    """
    if isinstance(transform, ComposeTransforms):
        transform.transforms = _without_axes(transform.transforms, axes)
    elif isinstance(transform, OneOfTransform):
        transform.list_of_transforms = _without_axes(transform.list_of_transforms, axes)
        return transform if transform.list_of_transforms else None
    elif isinstance(transform, RandomTransform):
        return transform if without_axes(transform.transform, axes) is not None else None
    elif isinstance(transform, MirrorTransform):
        transform.allowed_axes = tuple(axis for axis in transform.allowed_axes if axis not in axes)
        return transform if transform.allowed_axes else None
    elif isinstance(transform, (Rot90Transform, TransposeAxesTransform)):
        transform.allowed_axes = set(transform.allowed_axes) - axes
        return transform if len(transform.allowed_axes) > 1 else None
    return transform


def _without_axes(transforms: list[BasicTransform], axes: set[int]) -> list[BasicTransform]:
    return [transform for transform in transforms if without_axes(transform, axes) is not None]
