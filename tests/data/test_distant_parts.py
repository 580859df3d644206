"""Parts of an organ that lie farther away than organs are long go; gaps, pairs and scattered lesions stay."""

import numpy as np
import pytest

from nnunetv2_muduo.data.distant_parts import TOLERANCE, largest_extents_mm, remove_distant_parts

HEART, AORTA = 1, 2
SPACING_MM = (2.0, 2.0, 3.0)


@pytest.fixture
def organ_map():
    organs = np.zeros((20, 20, 60), np.int16)
    organs[2:8, 2:8, 30:36] = HEART  # 12 x 12 x 18 mm
    organs[12:14, 12:14, 10:40] = AORTA  # 4 x 4 x 90 mm
    return organs


@pytest.fixture
def extents_mm(organ_map):
    return largest_extents_mm([(organ_map, SPACING_MM)], [HEART, AORTA])


def test_extents_are_the_largest_of_all_maps(organ_map):
    smaller = np.zeros((5, 5, 5), np.int16)
    smaller[0:4, 0, 0:2] = HEART
    extents = largest_extents_mm([(smaller, (4.0, 1.0, 1.0)), (organ_map, SPACING_MM)], [HEART, AORTA, 3])
    assert {organ: extent.tolist() for organ, extent in extents.items()} == {HEART: [16, 12, 18], AORTA: [4, 4, 90]}


def test_a_heart_in_the_pelvis_goes(organ_map, extents_mm):
    predicted = organ_map.copy()
    predicted[3:6, 3:6, 1:4] = HEART
    cleaned, removed = remove_distant_parts(predicted, SPACING_MM, extents_mm)
    np.testing.assert_array_equal(cleaned, organ_map)
    assert removed == {HEART: [27]}


def test_a_vessel_with_a_gap_stays(organ_map, extents_mm):
    organ_map[12:14, 12:14, 18:32] = 0  # two parts of like size, 14 voxels apart
    cleaned, removed = remove_distant_parts(organ_map, SPACING_MM, extents_mm)
    np.testing.assert_array_equal(cleaned, organ_map)
    assert removed == {}


@pytest.mark.parametrize(("reach_mm", "stays"), [(12 * TOLERANCE - 1, True), (12 * TOLERANCE + 1, False)])
def test_how_far_a_part_may_reach(reach_mm, stays):
    predicted = np.zeros((60, 3, 3), np.int16)
    predicted[0:8], predicted[int(reach_mm) - 1] = HEART, HEART  # at 1 mm, reaching over `reach_mm`
    _, removed = remove_distant_parts(predicted, (1.0, 1.0, 1.0), {HEART: np.array([12.0, 12.0, 12.0])})
    assert (removed == {}) == stays


def test_each_part_has_to_fit_with_those_that_stay(extents_mm):
    """Two fragments, one on either side: each would fit alone, both together would not. The larger one stays."""
    predicted = np.zeros((20, 20, 60), np.int16)
    predicted[2:8, 2:8, 30:34] = HEART
    predicted[2:4, 2:4, 36:37] = HEART
    predicted[2, 2, 27:28] = HEART
    cleaned, removed = remove_distant_parts(predicted, SPACING_MM, extents_mm)
    assert removed == {HEART: [1]}
    assert cleaned[2, 2, 36] == HEART


def test_a_largest_part_that_is_too_large_stays(extents_mm):
    predicted = np.full((20, 20, 60), HEART, np.int16)
    predicted[:, :, 50] = 0  # what lies beyond is inside the largest part's extents along the other two axes alone
    cleaned, removed = remove_distant_parts(predicted, SPACING_MM, extents_mm)
    assert removed == {HEART: [20 * 20 * 9]}
    assert (cleaned[:, :, :50] == HEART).all()


def test_organs_without_extents_and_the_given_map_are_left_alone(organ_map, extents_mm):
    organ_map[0, 0, 0], organ_map[19, 19, 59] = 7, 7
    organ_map[3:6, 3:6, 1:4] = HEART
    before = organ_map.copy()
    cleaned, _ = remove_distant_parts(organ_map, SPACING_MM, extents_mm)
    np.testing.assert_array_equal(organ_map, before)
    np.testing.assert_array_equal(cleaned == 7, before == 7)


def test_nothing_predicted(extents_mm):
    cleaned, removed = remove_distant_parts(np.zeros((4, 4, 4), np.int16), SPACING_MM, extents_mm)
    assert not cleaned.any()
    assert removed == {}
