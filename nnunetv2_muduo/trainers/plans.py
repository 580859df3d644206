"""Fitting nnU-Net's plans to the teachers' patch, and finding the axis along which left and right must not be swapped."""

import re
from copy import deepcopy
from typing import Any

import numpy as np
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

_SIDE = re.compile(r"left|right|(?<![a-z])[lr](?![a-z])")
_LEFT = re.compile(r"left|(?<![a-z])l(?![a-z])")
_OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}
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


def left_right_names(labels: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs of label names that differ in left and right alone (`kidney_left`, `Left Kidney`, `kidney_l` and so on)."""
    by_right_name = {name.lower(): name for name in labels}
    mirrored = {name: _SIDE.sub(lambda side: _OTHER_SIDE[side[0]], name.lower()) for name in labels}
    return [
        (name, by_right_name[mirror])
        for name, mirror in mirrored.items()
        if mirror in by_right_name and _LEFT.search(name.lower())
    ]


def left_right_axis(direction: list[float], transpose_forward: list[int]) -> int:
    """Axis of nnU-Net's arrays that runs from one side of the patient to the other.

    Args:
        direction: SimpleITK's direction cosines, nine values, of an image in LPS coordinates.
        transpose_forward: the plan's transpose of the array (z, y, x).
    """
    along_patient_x = np.abs(np.asarray(direction).reshape(3, 3)[0])  # of the image axes x, y, z
    array_axis = 2 - int(np.argmax(along_patient_x))  # SimpleITK's arrays are (z, y, x)
    return list(transpose_forward).index(array_axis)


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
