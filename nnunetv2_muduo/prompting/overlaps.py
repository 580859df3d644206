"""Objects that overlap in one label map: a contested voxel goes to the object whose positive click is nearest."""

import numpy as np
from scipy.spatial import cKDTree

from nnunetv2_muduo.prompting.object_masks import ObjectMask, clicked_voxels
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.space import ImageSpace


def put_object(labels: np.ndarray, object_id: int, found: ObjectMask, prompts: list[Prompt], space: ImageSpace) -> None:
    """Put an object into a label map (z, y, x), turned to LPS, that holds others.

    Args:
        prompts: of all objects.
    """
    here = labels[found.box]
    contested = found.mask & (here > 0)
    here[found.mask & ~contested] = object_id
    places = np.argwhere(contested)
    if not len(places):
        return
    voxels = places + [axis.start for axis in found.box]
    mine_mm = _distances_mm(voxels, object_id, prompts, space)
    owners = here[contested]
    for other in np.unique(owners):
        of_other = owners == other
        theirs_mm = _distances_mm(voxels[of_other], int(other), prompts, space)
        won = places[of_other][mine_mm[of_other] < theirs_mm]
        here[tuple(won.T)] = object_id


def _distances_mm(voxels: np.ndarray, object_id: int, prompts: list[Prompt], space: ImageSpace) -> np.ndarray:
    """Of voxels [n, 3] from an object's nearest positive click; infinite where it has none."""
    own = [prompt for prompt in prompts if prompt.object_id == object_id]
    clicks_mm = clicked_voxels(own, True, space) * space.spacing_zyx_mm
    if not len(clicks_mm):
        return np.full(len(voxels), np.inf)
    return cKDTree(clicks_mm).query(voxels * space.spacing_zyx_mm)[0]
