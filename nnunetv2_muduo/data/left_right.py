"""Label names that come in left and right, and the axis of the arrays along which the two must not be swapped."""

import re
from typing import Any

import numpy as np

_SIDE = re.compile(r"left|right|(?<![a-z])[lr](?![a-z])")
_LEFT = re.compile(r"left|(?<![a-z])l(?![a-z])")
_OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}


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
