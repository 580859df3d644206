"""Fit of nnU-Net's plans to the teachers' patch."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.config import TrainingConfig

MIN_BOTTLENECK_VOXELS = 4  # nnU-Net's own lower limit for the edge of its coarsest feature map
MAX_SPACING_ERROR = 0.05  # of the teachers' spacing, for a patch whose axes the network can halve more often


def wanted_patch(
    plans: dict[str, Any], configuration: str, config: TrainingConfig, on_teachers_patch: bool
) -> tuple[int, int, int] | None:
    """The patch in voxels that a config asks for: its own, or the teachers' where a trainer is on theirs; None for the plan's."""
    if config.patch_size is not None:
        return (config.patch_size,) * 3
    if not on_teachers_patch:
        return None
    from nnunetv2_muduo.teachers.ensemble import ensemble_image_size  # teachers are only needed to train

    return teachers_patch(plans, configuration, ensemble_image_size(config), config.teacher_spacing_mm)


def teachers_patch(
    plans: dict[str, Any], configuration: str, image_size: int, teacher_spacing_mm: float | None
) -> tuple[int, int, int]:
    """The student's patch in voxels for teachers with images of `image_size`.

    It is the teachers' image itself; or, where they have a spacing of their own, about as large in mm as their image at that
    spacing. Every axis can then be halved as often as the plan's network does, or less often where its length would be off
    by more than a twentieth.
    """
    if teacher_spacing_mm is None:
        return (image_size,) * 3
    planned = PlansManager(plans).get_configuration(configuration)
    lengths = image_size * teacher_spacing_mm / np.array(planned.spacing)
    return tuple(map(_divisible, lengths, np.array(planned.pool_op_kernel_sizes).T))


def _divisible(length: float, strides: Sequence[int]) -> int:
    """The length as a multiple of the product of as many of an axis' strides as it bears."""
    for n in range(len(strides), 0, -1):
        step = int(np.prod(strides[:n]))
        multiple = step * round(length / step)
        if multiple >= MIN_BOTTLENECK_VOXELS * step and abs(multiple - length) <= MAX_SPACING_ERROR * length:
            return multiple
    return max(MIN_BOTTLENECK_VOXELS, round(length))


def fit_plans(plans: dict[str, Any], configuration: str, patch_size: Sequence[int]) -> dict[str, Any]:
    """Plans with another patch, and no more downsampling than that patch can bear.

    Where the patch grows, the batch shrinks by as much, to no less than two, so that a step stays as large as planned. The
    network keeps the plan's stages as long as every axis has at least four voxels left (nnU-Net's own rule); a smaller
    patch drops the deepest stages.
    """
    plans = deepcopy(plans)
    resolved = PlansManager(plans).get_configuration(configuration).configuration
    own = plans["configurations"][configuration]
    own["patch_size"] = list(patch_size)
    growth = np.prod(patch_size) / np.prod(resolved["patch_size"])
    own["batch_size"] = max(2, round(resolved["batch_size"] / growth)) if growth > 1 else resolved["batch_size"]
    own["architecture"] = deepcopy(resolved["architecture"])
    kwargs = own["architecture"]["arch_kwargs"]
    strides = _fitting_strides(kwargs["strides"], patch_size)
    n_stages = len(strides)
    kwargs.update(n_stages=n_stages, strides=strides)
    for name, value in kwargs.items():  # features, kernel sizes and blocks of each stage; a decoder has one stage less
        if isinstance(value, list) and name != "strides":
            kwargs[name] = value[: n_stages - 1] if name.endswith("decoder") else value[:n_stages]
    return plans


def _fitting_strides(strides: list[list[int]], patch_size: Sequence[int]) -> list[list[int]]:
    remaining = np.array(patch_size)
    fitting = []
    for stride in strides:
        fits = (remaining % stride == 0) & (remaining // stride >= MIN_BOTTLENECK_VOXELS)
        used = np.where(fits, stride, 1)
        if fitting and (used == 1).all():  # nothing is left to downsample: drop this stage and those after it
            break
        remaining //= used
        fitting.append(used.tolist())
    return fitting
