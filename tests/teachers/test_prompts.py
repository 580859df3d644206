import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import find_objects, gaussian_filter

from nnunetv2_muduo.teachers.prompts import gaussian_smooth, mask_prompts, points_of_mask, points_of_organs


def random_masks(seed: int, n: int = 3, shape=(14, 12, 10)) -> torch.Tensor:
    noise = np.random.default_rng(seed).standard_normal((n, *shape))
    smooth = np.stack([gaussian_filter(volume, 2) for volume in noise])
    return torch.from_numpy(smooth > np.quantile(smooth, 0.8))


def points_from_masks(masks, *args, **kwargs):
    points, labels = zip(*(points_of_mask(mask, *args, **kwargs) for mask in masks), strict=True)
    return torch.stack(points).float(), torch.stack(labels)


@pytest.mark.parametrize("shape", [(20, 18, 16), (3, 1, 30)])
def test_smoothing_equals_scipy(shape):
    volume = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    expected = gaussian_filter(volume.numpy(), 1.5, mode="constant", radius=4)
    np.testing.assert_allclose(gaussian_smooth(volume, 1.5).numpy(), expected, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.booleans())
def test_points_lie_in_the_organ_and_padding_is_no_point(seed, n_points, suppress):
    masks = random_masks(seed)
    points, labels = points_from_masks(masks, n_points, 1.0, suppress)
    assert points.shape == (3, n_points, 3)
    assert labels.shape == (3, n_points)
    for mask, organ_points, organ_labels in zip(masks, points.long(), labels, strict=True):
        chosen = organ_points[organ_labels == 1]
        assert mask[tuple(chosen.T)].all()
        assert len({tuple(p) for p in chosen.tolist()}) == len(chosen)
        assert set(organ_labels.tolist()) <= {1, -1}


def test_the_first_point_is_the_highest_place_of_the_smoothed_map():
    masks = random_masks(3)
    points, _ = points_from_masks(masks, 1, 2.0)
    for mask, point in zip(masks.numpy(), points[:, 0].long().numpy(), strict=True):
        height = gaussian_filter(mask.astype(np.float32), 2.0, mode="constant", radius=6) * mask
        assert height[tuple(point)] == pytest.approx(height.max(), abs=1e-6)


def test_suppression_spreads_points_over_the_organ():
    tube = torch.zeros(1, 32, 32, 32, dtype=torch.bool)
    tube[0, 14:18, 14:18, 2:30] = True
    spread, _ = points_from_masks(tube, 3, 1.0, suppress=True)
    near, _ = points_from_masks(tube, 3, 1.0, suppress=False)
    assert torch.pdist(spread[0]).min() > 3
    assert torch.pdist(near[0]).max() < 3


def test_an_organ_smaller_than_the_number_of_points_gets_padding():
    one_voxel = torch.zeros(1, 8, 8, 8)
    one_voxel[0, 3, 4, 5] = 1
    points, labels = points_from_masks(one_voxel, 3, 1.0)
    assert points[0, 0].tolist() == [3, 4, 5]
    assert labels.tolist() == [[1, -1, -1]]


def test_points_found_in_an_organs_box_are_those_of_the_whole_patch():
    prompt_map = torch.zeros(24, 22, 20, dtype=torch.int16)
    prompt_map[3:15, 2:12, 5:18] = 4
    prompt_map[10:22, 12:21, 1:9] = 7
    prompt_map[23, 21, 19] = 2
    organs = [(label, find_objects((prompt_map == label).numpy().astype(np.uint8))[0]) for label in (7, 2, 4)]
    points, labels = points_of_organs(prompt_map, organs, 3, 2.0, True)
    expected = points_from_masks([prompt_map == label for label, _ in organs], 3, 2.0)
    assert torch.equal(points, expected[0])
    assert torch.equal(labels, expected[1])
    assert labels.tolist() == [[1, 1, 1], [1, -1, -1], [1, 1, 1]]
    assert points[1, 0].tolist() == [23, 21, 19]


def test_of_equally_high_places_the_one_nearest_to_the_centroid_is_taken():
    cube = torch.zeros(40, 40, 40)
    cube[3:37, 3:37, 3:37] = 1  # smoothed, it is 1 wherever the border is more than three standard deviations away
    points, _ = points_of_mask(cube, 1, 2.0)
    assert points.tolist() == [[19, 19, 19]]  # the centroid is 19.5: of eight nearest places the first
    cube[3:37, 3:37, 20:37] = 0  # now the middle along the last axis is 11
    points, _ = points_of_mask(cube, 1, 2.0)
    assert points.tolist() == [[19, 19, 11]]


def test_mask_prompts_average_areas_and_are_clipped_logits():
    probs = torch.rand(2, 8, 8, 8, generator=torch.Generator().manual_seed(1))
    averaged = probs.reshape(2, 2, 4, 2, 4, 2, 4).mean((2, 4, 6))
    bare = mask_prompts(probs, 2, "probability")
    torch.testing.assert_close(bare[:, 0], averaged)
    torch.testing.assert_close(mask_prompts(probs, 2), torch.log(bare / (1 - bare)))
    assert mask_prompts(torch.ones(1, 8, 8, 8), 2).max() == pytest.approx(np.log(0.9999 / 0.0001), rel=1e-3)
