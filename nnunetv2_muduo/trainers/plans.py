"""Fit of nnU-Net's plans to the teachers' patch."""

from copy import deepcopy
from typing import Any

import numpy as np
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

MIN_BOTTLENECK_VOXELS = 4  # nnU-Net's own lower limit for the edge of its coarsest feature map


def fit_plans(plans: dict[str, Any], configuration: str, image_size: int) -> dict[str, Any]:
    """Plans whose patch is the teachers' image, with no more downsampling than that patch can bear.

    Where the patch grows, the batch shrinks by as much, to no less than two, so that a step stays as large as planned. The
    network keeps the plan's stages as long as every axis has at least four voxels left (nnU-Net's own rule); a smaller
    patch drops the deepest stages.
    """
    plans = deepcopy(plans)
    resolved = PlansManager(plans).get_configuration(configuration).configuration
    own = plans["configurations"][configuration]
    own["patch_size"] = [image_size] * 3
    growth = image_size**3 / np.prod(resolved["patch_size"])
    own["batch_size"] = max(2, round(resolved["batch_size"] / growth)) if growth > 1 else resolved["batch_size"]
    own["architecture"] = deepcopy(resolved["architecture"])
    kwargs = own["architecture"]["arch_kwargs"]
    strides = _fitting_strides(kwargs["strides"], image_size)
    n_stages = len(strides)
    kwargs.update(n_stages=n_stages, strides=strides)
    for name, value in kwargs.items():  # features, kernel sizes and blocks of each stage; a decoder has one stage less
        if isinstance(value, list) and name != "strides":
            kwargs[name] = value[: n_stages - 1] if name.endswith("decoder") else value[:n_stages]
    return plans


def _fitting_strides(strides: list[list[int]], image_size: int) -> list[list[int]]:
    remaining = np.full(3, image_size)
    fitting = []
    for stride in strides:
        fits = (remaining % stride == 0) & (remaining // stride >= MIN_BOTTLENECK_VOXELS)
        used = np.where(fits, stride, 1)
        if fitting and (used == 1).all():  # nothing is left to downsample: drop this stage and those after it
            break
        remaining //= used
        fitting.append(used.tolist())
    return fitting
