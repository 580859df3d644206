"""Users of a benchmark: what they say next of an object, from what is answered so far and the truth.

Robots of `teachers/robots.py` click in errors; official clicks come from a file. What a user says is a list of prompts for
object 1 of a session; nothing where there is nothing to correct.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy import ndimage

from nnunetv2_muduo.prompting.official_clicks import CaseClicks
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.robot_scribbles import scribble
from nnunetv2_muduo.prompting.space import ImageSpace
from nnunetv2_muduo.teachers.robots import Robot, robot

User = Callable[[int, np.ndarray, np.ndarray, ImageSpace], list[Prompt]]
"""From the number of a step, the mask before it and the truth, boolean (z, y, x) turned to LPS, and where the image lies."""
OBJECT = 1


def official_user(clicks: CaseClicks) -> User:
    """Step k gives the k-th tumor and the k-th background click."""
    return partial(_official, clicks)


def pairs_of_clicks(kind: str, seed: int) -> User:
    """From step 1 on, a click in what is missing and one in what is too much."""
    return partial(_pair, robot(kind, torch.Generator().manual_seed(seed)))


def scribbles(kind: str, seed: int) -> User:
    """From step 1 on, a stroke where the error is: the longer one of those in what is missing and in what is too much."""
    return partial(_stroke, kind, np.random.default_rng(seed))


def single_clicks(kind: str, seed: int) -> User:
    """From step 1 on, one click in the error."""
    return partial(_single, robot(kind, torch.Generator().manual_seed(seed)))


def replayed(prompts: list[Prompt]) -> User:
    """From step 1 on, one of given prompts after another, such as those of another teacher's session."""
    return lambda step, mask, truth, space: prompts[step - 1 : step] if step else []


def box_and_clicks(kind: str, seed: int) -> User:
    """The truth's box, then a click in the error at each step."""
    return partial(_box_then_click, robot(kind, torch.Generator().manual_seed(seed)))


def _official(clicks: CaseClicks, step: int, mask: np.ndarray, truth: np.ndarray, space: ImageSpace) -> list[Prompt]:
    if step == 0:
        return []
    sides = ((True, clicks.tumor), (False, clicks.background))
    voxels = [(positive, side[step - 1]) for positive, side in sides if step <= len(side)]
    return [Prompt("point", OBJECT, positive, space.file_voxels_to_mm(voxel)) for positive, voxel in voxels]


def _pair(user: Robot, step: int, mask: np.ndarray, truth: np.ndarray, space: ImageSpace) -> list[Prompt]:
    if step == 0:
        return []
    return [*_click(user, mask & truth, truth, space), *_click(user, mask | truth, truth, space)]


def _single(user: Robot, step: int, mask: np.ndarray, truth: np.ndarray, space: ImageSpace) -> list[Prompt]:
    return _click(user, mask, truth, space) if step else []


def _stroke(
    kind: str, rng: np.random.Generator, step: int, mask: np.ndarray, truth: np.ndarray, space: ImageSpace
) -> list[Prompt]:
    """By autoPET V's rule the longer stroke counts, and nobody draws where there is no lesion."""
    if step == 0 or not truth.any():
        return []
    missing, surplus = scribble(truth & ~mask, kind, rng), scribble(mask & ~truth, kind, rng)
    positive = len(surplus) <= len(missing)
    voxels = missing if positive else surplus
    return [Prompt("scribble", OBJECT, positive, space.voxels_zyx_to_mm(voxels))] if len(voxels) else []


def _box_then_click(user: Robot, step: int, mask: np.ndarray, truth: np.ndarray, space: ImageSpace) -> list[Prompt]:
    if step > 0:
        return _click(user, mask, truth, space)
    if not truth.any():
        return []
    (box,) = ndimage.find_objects(truth, 1)
    corners = np.array([[axis.start for axis in box], [axis.stop - 1 for axis in box]])
    return [Prompt("box", OBJECT, True, space.voxels_zyx_to_mm(corners))]


def _click(user: Robot, mask: np.ndarray, truth: np.ndarray, space: ImageSpace) -> list[Prompt]:
    """One click of a robot, which is shown the box around the errors alone: of a whole body they are a small part."""
    (box,) = ndimage.find_objects(mask ^ truth, 1)
    if box is None:
        return []
    points, labels = user(*(torch.from_numpy(one[box])[None] for one in (mask, truth)))
    voxel = points[0, 0].numpy().astype(int) + [axis.start for axis in box]
    return [Prompt("point", OBJECT, bool(labels[0, 0] == 1), space.voxels_zyx_to_mm(voxel))]
