"""Thresholds as teachers: the region around a click above a share of its SUVmax, or above a fixed SUV."""

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from nnunetv2_muduo.prompting.answers import Answer
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.space import CONNECTED, ImageSpace, ball

SEARCH_MM = 20.0
"""How far from a click its SUVmax is looked for."""


class ThresholdTeacher:
    """Region that is connected with a click's hottest voxel, above a threshold.

    Args:
        threshold: below 1 a share of the SUVmax within `SEARCH_MM` of the click (0.41 for 41 %), else an SUV.
    """

    modality = "pet"
    encode_seconds = 0.0

    def __init__(self, threshold: float):
        if not 0 < threshold < 1000:
            raise ValueError(
                f"A threshold is a share of the SUVmax such as 0.41, or an SUV from 1 on, found {threshold:g}."
            )
        self.threshold = threshold

    def set_image(self, image: sitk.Image, reference: sitk.Image) -> None:
        self.space = ImageSpace.of(reference)
        self.values = sitk.GetArrayFromImage(image)
        self._known: dict[float, list[Answer]] = {}  # by level, so that a stroke's many voxels cost no more than one

    def answer(self, prompts: list[Prompt]) -> Answer:
        """Union of the regions of all positive prompts."""
        found = (part for prompt in prompts if prompt.positive for part in self._regions(prompt))
        parts = list({id(part): part for part in found}.values())
        if not parts:
            return Answer.nothing()
        start = np.min([part.start_zyx for part in parts], 0)
        stop = np.max([part.stop_zyx for part in parts], 0)
        return Answer(start, np.max([part.within(start, stop) for part in parts], 0))

    def _regions(self, prompt: Prompt) -> list[Answer]:
        if prompt.mask is not None:
            return [Answer.of_mask(prompt.mask)]
        if prompt.kind == "box":
            return [self._region_in_box(self.space.indices(prompt.places_mm)[:, ::-1])]
        return [self._region(voxel) for voxel in np.unique(self.space.voxels_zyx(prompt.places_mm), axis=0)]

    def _region(self, voxel: np.ndarray) -> Answer:
        hottest, suv_max = self._hottest(voxel)
        level = self._level(suv_max)
        seed = tuple(voxel) if self.values[tuple(voxel)] >= level else hottest
        if self.values[seed] < level:
            return Answer.nothing()
        known = self._known.setdefault(level, [])
        for region in known:
            if region.holds(np.array(seed)):
                return region
        components, _ = ndimage.label(self.values >= level, CONNECTED)
        known.append(Answer.of_mask(components == components[seed]))
        return known[-1]

    def _region_in_box(self, corners_zyx: np.ndarray) -> Answer:
        low = np.ceil(corners_zyx.min(0)).astype(int).clip(0)
        box = tuple(slice(a, max(b, a) + 1) for a, b in zip(low, np.floor(corners_zyx.max(0)).astype(int), strict=True))
        inside = self.values[box]
        return Answer(low, (inside >= self._level(inside.max())).astype(np.float32))

    def _level(self, suv_max: float) -> float:
        return self.threshold * suv_max if self.threshold < 1 else self.threshold

    def _hottest(self, voxel: np.ndarray) -> tuple[tuple, float]:
        box, near = ball(voxel, SEARCH_MM, np.array(self.space.spacing_zyx_mm), self.values.shape)
        values = np.where(near, self.values[box], -np.inf)
        at = np.unravel_index(values.argmax(), values.shape)
        return tuple(axis.start + i for axis, i in zip(box, at, strict=True)), float(values[at])
