"""Volumes and label maps as the page reads them: 16 bits a voxel, and compressed labels of the box around them."""

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunetv2_muduo.prompting.answers import Answer

_LARGEST = np.iinfo(np.uint16).max
_FAST = 1
"""Level of zlib: labels are long runs, which every level makes small."""


@dataclass(frozen=True)
class StoredVolume:
    """Values as `offset + scale * stored`, stored (z, y, x) as little-endian uint16.

    The step is a 65535th of the range of values: 0.001 for an SUV up to 65, less than 1 for HU of any CT.
    """

    stored: np.ndarray
    offset: float
    scale: float

    @classmethod
    def of(cls, values: np.ndarray) -> "StoredVolume":
        low, high = float(values.min()), float(values.max())
        scale = (high - low) / _LARGEST or 1.0
        stored = np.empty(values.shape, "<u2")
        for z, plane in enumerate(values):  # a plane at a time: a whole body takes no second copy
            stored[z] = np.rint((plane - low) / scale)
        return cls(stored, low, scale)


def packed_labels(labels: np.ndarray) -> dict[str, Any]:
    """Labels (z, y, x; uint8) in the box around all that are not 0: its start and shape, and zlib's bytes in Base64."""
    box = Answer.of_mask(labels > 0)
    inside = labels[tuple(map(slice, box.start_zyx, box.stop_zyx))]
    return {
        "start_zyx": box.start_zyx.tolist(),
        "shape_zyx": list(inside.shape),
        "labels": base64.b64encode(zlib.compress(inside.tobytes(), _FAST)).decode(),
    }
