"""From answers to an object's mask: boxes and negative masks bound it, and clicks are obeyed."""

from dataclasses import dataclass

import numpy as np

from nnunetv2_muduo.prompting.answers import Answer, box_of, mixed
from nnunetv2_muduo.prompting.promise import BALL_MM, obey
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.space import ImageSpace


@dataclass(frozen=True)
class ObjectMask:
    """A mask in a box of the image turned to LPS; nothing of the object lies outside of the box.

    box: slices (z, y, x).
    mask: boolean, with the promise of clicks kept.
    probs: float32, before the rule.
    n_changed: voxels that the rule took or added.
    """

    box: tuple[slice, ...]
    mask: np.ndarray
    probs: np.ndarray
    n_changed: int


def object_mask(prompts: list[Prompt], answers: list[Answer], space: ImageSpace) -> ObjectMask:
    """Mask of an object from all its prompts, and the answers to them of one teacher or two."""
    inside, outside = (clicked_voxels(prompts, positive, space) for positive in (True, False))
    spacing_mm = np.array(space.spacing_zyx_mm)
    margin = np.ceil(BALL_MM / spacing_mm).astype(int)
    start, stop = box_of(answers, np.concatenate([inside, outside]), margin, space.shape_zyx)
    probs = mixed([one.within(start, stop) for one in answers])
    bounded = _bounded(probs > 0.5, prompts, start, space)
    obeyed = obey(bounded, inside - start, outside - start, spacing_mm)
    return ObjectMask(tuple(map(slice, start, stop)), obeyed.mask, probs, obeyed.n_changed)


def clicked_voxels(prompts: list[Prompt], positive: bool, space: ImageSpace) -> np.ndarray:
    """Voxels (z, y, x) [n, 3], turned to LPS, of points and scribbles."""
    places = [prompt.places_mm for prompt in prompts if prompt.is_promise and prompt.positive == positive]
    return np.unique(space.voxels_zyx(np.concatenate([np.empty((0, 3)), *places])), axis=0)


def _bounded(mask: np.ndarray, prompts: list[Prompt], start: np.ndarray, space: ImageSpace) -> np.ndarray:
    """The mask without what negative boxes and masks forbid, and inside the boxes where these are all there is."""
    if prompts and all(prompt.kind == "box" for prompt in prompts if prompt.positive):
        allowed = np.zeros_like(mask)
        for prompt in prompts:
            if prompt.positive:
                allowed[_box(prompt, start, mask.shape, space)] = True
        mask = mask & allowed
    for prompt in prompts:
        if not prompt.positive and prompt.kind == "box":
            mask[_box(prompt, start, mask.shape, space)] = False
        if not prompt.positive and prompt.mask is not None:
            mask &= ~prompt.mask[tuple(map(slice, start, start + mask.shape))]
    return mask


def _box(prompt: Prompt, start: np.ndarray, shape: tuple[int, ...], space: ImageSpace) -> tuple[slice, ...]:
    indices = space.indices(prompt.places_mm)[:, ::-1] - start
    low, high = np.ceil(indices.min(0)).astype(int), np.floor(indices.max(0)).astype(int) + 1
    return tuple(map(slice, np.clip(low, 0, shape), np.clip(high, 0, shape)))
