"""What a user says of an object: points, boxes, scribbles and masks, positive or negative."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

KINDS = ("point", "box", "scribble", "mask")
FARTHEST = 1e6
"""Of a coordinate in mm or voxels from 0: no scanner reaches so far, and larger numbers are a damaged or hostile file's."""


@dataclass(frozen=True)
class Prompt:
    """One prompt.

    kind: one of `KINDS`.
    places_mm: [n, 3] in LPS: the point, corners of the box, places along the scribble; none for a mask.
    mask: boolean (z, y, x) on the image turned to LPS, for a mask alone.
    """

    kind: str
    object_id: int
    positive: bool
    places_mm: np.ndarray
    mask: np.ndarray | None = None

    @property
    def is_promise(self) -> bool:
        """Whether every place of it must lie inside (positive) or outside (negative) the result."""
        return self.kind in ("point", "scribble")


def dense_path(places_mm: np.ndarray, step_mm: float) -> np.ndarray:
    """Places along a scribble's straight parts, at most `step_mm` apart [n, 3]."""
    parts = [places_mm[:1]]
    for start, end in pairwise(places_mm):
        n = max(1, int(np.ceil(np.linalg.norm(end - start) / step_mm)))
        parts.append(start + (end - start) * np.linspace(0, 1, n + 1)[1:, None])
    return np.concatenate(parts)


def places_array(places_mm: Sequence | None) -> np.ndarray:
    """Places as an array [n, 3]. Raises ValueError for another shape, NaN, infinity and what lies beyond `FARTHEST`."""
    try:
        array = np.asarray(places_mm, dtype=float)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.ndim == 1 and array.size == 3:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != 3 or not len(array) or not (np.abs(array) <= FARTHEST).all():
        raise ValueError(
            f"A place has three finite coordinates (x, y, z) of at most {FARTHEST:g}, found {str(places_mm)[:80]}."
        )
    return array
