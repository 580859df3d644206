"""Signed distances against a search through all voxels."""

import itertools

import numpy as np
import pytest
import torch

from nnunetv2_muduo.data.signed_distances import (
    SignedDistancesTransform,
    signed_distance,
    signed_distances,
    targets_and_distances,
)

SHAPE = (7, 9, 8)


def by_brute_force(mask: np.ndarray) -> np.ndarray:
    """Distance from each voxel outside to the nearest organ voxel, and from each inside to the organ's nearest outermost one."""
    neighbors = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]  # across corners too
    inside = {tuple(v) for v in np.argwhere(mask)}
    everywhere = {tuple(v) for v in np.ndindex(*mask.shape)}
    outermost = [
        v for v in inside if any((w := tuple(np.add(v, s))) in everywhere and w not in inside for s in neighbors)
    ]
    values = np.zeros(mask.shape)
    for voxel in everywhere:
        targets, sign = (outermost, -1) if voxel in inside else (inside, 1)
        values[voxel] = sign * min(np.linalg.norm(np.subtract(voxel, target)) for target in targets)
    values[values > 0] /= values.max()
    values[values < 0] /= max(-values.min(), 1)
    return values


def ball(center, radius):
    places = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    return np.linalg.norm(places - np.array(center), axis=-1) <= radius


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(ball((3, 4, 4), 2.5), id="in the middle"),
        pytest.param(ball((0, 4, 7), 3.2), id="cut by the border"),
        pytest.param(ball((1, 1, 1), 0.5), id="one voxel"),
        pytest.param(~ball((3, 4, 4), 0.5), id="all but one voxel"),
        pytest.param(ball((1, 2, 2), 1.5) | ball((5, 7, 6), 1.5), id="two parts"),
        pytest.param(np.arange(7)[:, None, None] + np.zeros(SHAPE) < 3, id="a slab from border to border"),
    ],
)
def test_equals_the_nearest_voxel_of_all(mask):
    np.testing.assert_allclose(signed_distance(mask), by_brute_force(mask), atol=1e-6)


def test_what_is_nowhere_is_far_and_what_is_everywhere_is_deep():
    label_map = np.full(SHAPE, 2)
    far, deep = signed_distances(label_map, [1, 2])
    assert (far == 1).all()
    assert (deep == -1).all()
    assert far.dtype == np.float32


def test_random_masks_stay_within_one():
    rng = np.random.default_rng(0)
    for share in (0.02, 0.5, 0.98):
        values = signed_distance(rng.random(SHAPE) < share)
        assert np.isfinite(values).all()
        assert np.abs(values).max() <= 1


@pytest.mark.parametrize("with_deep_supervision", [True, False])
def test_loaders_keep_the_maps_beside_nnunets_own_targets(with_deep_supervision):
    segmentation = torch.zeros(1, *SHAPE, dtype=torch.int16)
    segmentation[0, 2:5, 3:6, 2:6] = 3
    own = [segmentation, segmentation[:, ::2]] if with_deep_supervision else segmentation
    added = SignedDistancesTransform([1, 3])(image=torch.zeros(1, *SHAPE), segmentation=own)["segmentation"]
    target, maps = targets_and_distances([part[None] for part in added])
    assert isinstance(target, list) == with_deep_supervision
    torch.testing.assert_close(target[0][0] if with_deep_supervision else target[0], segmentation)
    np.testing.assert_array_equal(maps[0], signed_distances(segmentation[0].numpy(), [1, 3]))
