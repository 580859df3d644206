"""What a teacher says of an object: probabilities in a box of the image turned to LPS."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from nnunetv2_muduo.prompting.prompts import Prompt


@dataclass(frozen=True)
class Answer:
    """Probabilities [z, y, x] of a box that begins at voxel `start_zyx`; 0 outside of it."""

    start_zyx: np.ndarray
    probs: np.ndarray

    @classmethod
    def nothing(cls) -> "Answer":
        return cls(np.zeros(3, int), np.zeros((0, 0, 0), np.float32))

    @classmethod
    def of_mask(cls, mask: np.ndarray) -> "Answer":
        """A boolean mask (z, y, x) of the whole image, cut to the box around it."""
        if not mask.any():
            return cls.nothing()
        (box,) = ndimage.find_objects(mask.astype(np.uint8))
        return cls(np.array([axis.start for axis in box]), mask[box].astype(np.float32))

    @property
    def stop_zyx(self) -> np.ndarray:
        return self.start_zyx + self.probs.shape

    def holds(self, voxel: np.ndarray) -> bool:
        """Whether a voxel [3] of the image is more likely in the object than not."""
        place = voxel - self.start_zyx
        return bool(((place >= 0) & (place < self.probs.shape)).all() and self.probs[tuple(place)] > 0.5)

    def within(self, start_zyx: np.ndarray, stop_zyx: np.ndarray) -> np.ndarray:
        """The probabilities in another box, which holds this one."""
        whole = np.zeros(np.subtract(stop_zyx, start_zyx), np.float32)
        if self.probs.size:
            corner = self.start_zyx - start_zyx
            whole[tuple(slice(c, c + n) for c, n in zip(corner, self.probs.shape, strict=True))] = self.probs
        return whole


class Promptable(Protocol):
    """A teacher as a session asks it. Its answer depends on image and prompts alone, whatever was asked before."""

    modality: str
    encode_seconds: float
    """What encoding has taken since the image was set."""

    def set_image(self, image: sitk.Image, reference: sitk.Image) -> None:
        """Values in HU or SUV, turned to LPS, and the image on whose grid is answered."""

    def answer(self, prompts: list[Prompt]) -> Answer:
        """Answer to all prompts of one object, in their order."""


def box_of(
    answers: list[Answer], voxels_zyx: np.ndarray, margin: np.ndarray, shape_zyx: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Start and stop of the smallest box that holds the answers, and voxels [n, 3] with a margin, inside the image."""
    starts = [one.start_zyx for one in answers if one.probs.size] + [v - margin for v in voxels_zyx]
    stops = [one.stop_zyx for one in answers if one.probs.size] + [v + margin + 1 for v in voxels_zyx]
    if not starts:
        return np.zeros(3, int), np.zeros(3, int)
    return np.clip(np.min(starts, 0), 0, shape_zyx), np.clip(np.max(stops, 0), 0, shape_zyx)


def mixed(probs: list[np.ndarray]) -> np.ndarray:
    """Answers of one or two teachers, fused as in training with the mean weight of its draws (docs/method.md, eq. 6)."""
    return probs[0] if len(probs) == 1 else np.mean(probs, axis=0)
