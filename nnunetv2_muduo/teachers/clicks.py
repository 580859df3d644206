"""Simulated points of a user, drawn for all organs of a batch at once."""

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_muduo.teachers.prompts import NOT_A_POINT

Points = tuple[Tensor, Tensor]


def error_clicks(prediction_mask: Tensor, truth_mask: Tensor, generator: torch.Generator) -> Points:
    """One click anywhere in what is missing or too much, positive where it is missing, as in SAM-Med3D's training.

    Args:
        prediction_mask, truth_mask: boolean [N, a, b, c].

    Returns:
        Array indices [N, 1, 3] (float) and labels [N, 1]: 1, 0, or -1 ("not a point") where there is no error.
    """
    points, found = random_voxels(prediction_mask ^ truth_mask, 1, generator)
    is_missing = truth_mask[(torch.arange(len(points), device=points.device), *points[:, 0].T)]
    return points.float(), torch.where(found, is_missing[:, None].long(), NOT_A_POINT)


def interior_points(truth_mask: Tensor, n_points: int, generator: torch.Generator) -> Points:
    """Different positive points inside each organ, off its surface where it is thick enough.

    Args:
        truth_mask: boolean [N, a, b, c].

    Returns:
        Array indices [N, n_points, 3] (float) and labels [N, n_points]: 1, or -1 ("not a point") where voxels ran out.
    """
    inner = F.avg_pool3d(truth_mask[:, None].float(), 3, stride=1, padding=1)[:, 0] > 0.99
    is_thick = inner.flatten(1).any(1)[:, None, None, None]
    points, found = random_voxels(torch.where(is_thick, inner, truth_mask), n_points, generator)
    return points.float(), torch.where(found, 1, NOT_A_POINT)


def random_voxels(allowed_mask: Tensor, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Voxels [N, n, 3] drawn without repetition from each mask [N, a, b, c], and whether [N, n] there was one left."""
    draws = torch.rand(allowed_mask.shape, generator=generator, device=allowed_mask.device)
    scores, index = ((1 - draws) * allowed_mask).flatten(1).topk(n)
    _, b, c = allowed_mask.shape[1:]
    return torch.stack([index // (b * c), index // c % b, index % c], dim=-1), scores > 0
