"""What a network is shown of an object's prompts, patch by patch: points, given masks, and ellipsoids for boxes."""

from typing import TYPE_CHECKING

import numpy as np

from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.volume import crop

if TYPE_CHECKING:
    from nnunetv2_muduo.prompting.network import NetworkTeacher

POINTS_OF_SCRIBBLE = 8
"""That a network is shown of a scribble; the rule keeps all of it."""

Corner = tuple[int, int, int]
"""Voxel (x, y, z) of the teacher's volume at which a patch begins."""


class PatchPrompts:
    """Prompts of one object in the teacher's voxels, and the patches around them."""

    def __init__(self) -> None:
        self.given_mask, self.shares = np.zeros((0, 0, 0), bool), np.zeros((0, 0, 0), np.float32)
        self.corners: list[Corner] = []
        self.places: list[np.ndarray] = []
        self.labels: list[int] = []
        self.numbers: list[int] = []
        self.boxes: list[np.ndarray] = []
        self.masks: list[np.ndarray] = []

    @classmethod
    def of(cls, teacher: "NetworkTeacher", prompts: list[Prompt]) -> "PatchPrompts":
        asked = cls()
        for number, prompt in enumerate(prompts):
            asked._add(teacher, prompt, number)
        if asked.masks:
            asked.given_mask = np.any(asked.masks, 0)
            asked.shares = teacher.volume.put_in(asked.given_mask)
        return asked

    def _add(self, teacher: "NetworkTeacher", prompt: Prompt, number: int) -> None:
        if prompt.mask is not None:
            if prompt.positive:
                self.masks.append(prompt.mask)
            return
        places = teacher.volume.indices(teacher.space.indices(prompt.places_mm))
        if prompt.kind == "box":
            if not prompt.positive:
                return  # by rule alone: networks know no negative box
            self.boxes.append(np.array([places.min(0), places.max(0)]))
            shown = places.mean(0, keepdims=True)
        else:
            shown = places[np.unique(np.linspace(0, len(places) - 1, POINTS_OF_SCRIBBLE).astype(int))]
        self.places += list(shown)
        self.labels += [int(prompt.positive)] * len(shown)
        self.numbers += [number] * len(shown)
        if prompt.positive or self.masks:
            self._add_patch(teacher, places)

    def _add_patch(self, teacher: "NetworkTeacher", places: np.ndarray) -> None:
        """The patch around a prompt, unless one that is there holds it in its middle: then its embedding serves again."""
        corner = teacher.patch_around(places)
        is_near = [np.abs(np.subtract(corner, other)).max() <= teacher.edge // 4 for other in self.corners]
        if not any(is_near):
            self.corners.append(corner)

    def points_in(self, corner: Corner, edge: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Array indices [n, 3], labels [n] and prompts' numbers [n] of the points in a patch."""
        if not self.places:
            return np.empty((0, 3)), np.empty(0, int), np.empty(0, int)
        places = np.array(self.places) - corner
        inside = ((places > -0.5) & (places < edge - 0.5)).all(1)
        return places[inside], np.array(self.labels)[inside], np.array(self.numbers)[inside]

    def mask_in(self, corner: Corner, edge: int) -> np.ndarray | None:
        """What the patch is shown as a mask [S, S, S]: the given mask, or ellipsoids in the boxes; None without either."""
        shown = crop(self.shares, corner, edge, 0) if self.masks else np.zeros((edge,) * 3, np.float32)
        for low, high in self.boxes:
            shown = np.maximum(shown, _ellipsoid(low - corner, high - corner, edge))
        return shown if (shown > 0.5).any() else None


def _ellipsoid(low: np.ndarray, high: np.ndarray, edge: int) -> np.ndarray:
    """Ellipsoid that fills a box, 1 inside."""
    center, radius = (low + high) / 2, np.maximum((high - low) / 2, 0.5)
    squares = [((np.arange(edge) - c) / r) ** 2 for c, r in zip(center, radius, strict=True)]
    return (squares[0][:, None, None] + squares[1][:, None] + squares[2] <= 1).astype(np.float32)
