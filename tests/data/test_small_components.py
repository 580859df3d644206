"""Fragments: small parts go, organs in several parts and labels with parts of any size stay."""

import numpy as np
import pytest

from nnunetv2_muduo.data.small_components import LEAST_SHARE, organs_in_few_components, remove_small_components

LIVER, KIDNEYS, LESION = 1, 2, 3


@pytest.fixture
def organ_map():
    organs = np.zeros((20, 20, 20), np.uint8)
    organs[:5, :5, :4] = LIVER  # 100 voxels
    organs[10:12, 10:12, 10:12] = KIDNEYS
    organs[10:12, 16:18, 10:12] = KIDNEYS
    return organs


def test_parts_far_smaller_than_the_largest_go(organ_map):
    scattered = organ_map.copy()
    scattered[15:17, 0:3, 0:3] = LIVER  # 18 of 100: below a fifth
    scattered[19, 19, 19] = KIDNEYS
    np.testing.assert_array_equal(remove_small_components(scattered, [LIVER, KIDNEYS]), organ_map)


def test_parts_of_like_size_stay(organ_map):
    organ_map[15:17, 0:3, 0:4] = LIVER  # 24 of 100
    assert 18 < 100 * LEAST_SHARE < 24
    np.testing.assert_array_equal(remove_small_components(organ_map, [LIVER, KIDNEYS]), organ_map)


def test_parts_that_touch_at_a_corner_are_one(organ_map):
    organ_map[5, 5, 4] = LIVER
    np.testing.assert_array_equal(remove_small_components(organ_map, [LIVER]), organ_map)


def test_the_given_map_and_other_organs_are_left_alone(organ_map):
    organ_map[19, 19, 19], organ_map[0, 0, 19] = LIVER, KIDNEYS
    before = organ_map.copy()
    cleaned = remove_small_components(organ_map, [LIVER, LESION])
    np.testing.assert_array_equal(organ_map, before)
    changed = np.argwhere(cleaned != organ_map)
    assert changed.tolist() == [[19, 19, 19]]


def test_labels_with_parts_of_any_size_are_told_from_organs(organ_map):
    organ_map[19, 19, 19] = LIVER  # an annotator's speck, 1 of 101
    organ_map[15:18, 0:3, 0:3] = LESION
    organ_map[15, 15, 15] = organ_map[15, 18, 18] = LESION  # 2 of 29 voxels
    without_lesion = np.where(organ_map == LESION, 0, organ_map).astype(np.int8)
    without_lesion[19, 0, 0] = -1  # cropped away by nnU-Net
    maps = [organ_map, without_lesion]
    assert organs_in_few_components(maps, [LIVER, KIDNEYS, LESION]) == [LIVER, KIDNEYS]
