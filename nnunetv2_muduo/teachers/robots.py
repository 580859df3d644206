"""Robot users: where somebody who sees an answer and knows the truth clicks next."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from nnunetv2_muduo.teachers.clicks import Points, error_clicks
from nnunetv2_muduo.teachers.prompts import NOT_A_POINT

Robot = Callable[[Tensor, Tensor], Points]
"""From boolean masks [N, a, b, c], answers and truths, to one click each: array indices [N, 1, 3] (float) and labels [N, 1]: 1
where something is missing, 0 where something is too much, -1 ("not a point") where there is no error."""

ROBOTS = ("random", "center", "border")
_CLEARED_VOXELS = 2  # around a click nobody clicks again at once
_TOUCHING = np.ones((3, 3, 3))  # voxels that share a face, an edge or a corner


def robot(kind: str, generator: torch.Generator) -> Robot:
    """The robot user of a kind: `center`, `random` or `border`. Raises KeyError for another."""
    place = {"center": center_of_largest, "border": partial(near_border, generator=generator)}
    if kind == "random":
        return partial(error_clicks, generator=generator)
    return partial(_click, place=place[kind])


def several_at_once(user: Robot, max_clicks: int, generator: torch.Generator) -> Robot:
    """A user who gives one to `max_clicks` clicks [N, k, 3] before the next answer, apart from each other."""

    def click(prediction_mask: Tensor, truth_mask: Tensor) -> Points:
        n_clicks = int(torch.randint(1, max_clicks + 1, (), generator=generator, device=generator.device))
        clicks = []
        for _ in range(n_clicks):
            clicks.append(user(prediction_mask, truth_mask))
            prediction_mask = torch.where(_around(clicks[-1], truth_mask), truth_mask, prediction_mask)
        points, labels = (torch.cat(part, 1) for part in zip(*clicks, strict=True))
        return points, labels

    return user if max_clicks == 1 else click


def center_of_largest(error_mask: np.ndarray) -> tuple[int, ...]:
    """The voxel farthest from the border of the largest connected error, as most careful users click."""
    parts, _ = ndimage.label(error_mask, _TOUCHING)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    box = ndimage.find_objects(parts)[sizes.argmax() - 1]  # of a whole body it is a small part
    depth = ndimage.distance_transform_edt(np.pad(parts[box] == sizes.argmax(), 1))[1:-1, 1:-1, 1:-1]
    return tuple(axis.start + i for axis, i in zip(box, _voxel(depth.argmax(), depth.shape), strict=True))


def near_border(error_mask: np.ndarray, generator: torch.Generator) -> tuple[int, ...]:
    """A random voxel at the border of the errors, as hasty users click."""
    inner = ndimage.binary_erosion(error_mask)
    outer = np.flatnonzero(error_mask & ~inner)
    return _voxel(outer[int(torch.randint(len(outer), (), generator=generator, device=generator.device))], inner.shape)


def _click(prediction_mask: Tensor, truth_mask: Tensor, place: Callable[[np.ndarray], tuple[int, ...]]) -> Points:
    points, labels = torch.zeros(len(truth_mask), 1, 3), torch.full((len(truth_mask), 1), NOT_A_POINT)
    for i, (answer, truth) in enumerate(zip(prediction_mask, truth_mask, strict=True)):
        if (error := (answer ^ truth)).any():
            voxel = place(error.cpu().numpy())
            points[i, 0], labels[i, 0] = torch.tensor(voxel), int(truth[voxel])
    return points.to(truth_mask.device), labels.to(truth_mask.device)


def _around(click: Points, like: Tensor) -> Tensor:
    """Cubes [N, a, b, c] around one click each, nothing where there is none."""
    (points, labels), is_near = click, torch.ones_like(like)
    for axis, size in enumerate(like.shape[1:]):
        near = (torch.arange(size, device=like.device) - points[:, 0, axis, None]).abs() <= _CLEARED_VOXELS
        is_near = is_near & near.view(len(like), *[size if other == axis else 1 for other in range(3)])
    return is_near & (labels >= 0)[:, :, None, None]


def _voxel(flat_index: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(flat_index, shape))
