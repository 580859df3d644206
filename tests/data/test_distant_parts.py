"""Parts that lie too far from their organ or from the other organs go; gaps and organs in several parts stay."""

import numpy as np
import pytest

from nnunetv2_muduo.data.distant_parts import TOLERANCE, largest_extents_mm, remove_distant_parts

HEART, AORTA = 1, 2
SPACING_MM = np.array([2.0, 2.0, 3.0])


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
    extents = largest_extents_mm([(smaller, np.array([4.0, 1.0, 1.0])), (organ_map, SPACING_MM)], [HEART, AORTA, 3])
    assert {pair: extent.tolist() for pair, extent in extents.items()} == {
        (HEART, HEART): [16, 12, 18],
        (AORTA, AORTA): [4, 4, 90],
        (HEART, AORTA): [24, 24, 90],  # from the one's edge to the other's
    }


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
    _, removed = remove_distant_parts(predicted, np.ones(3), {(HEART, HEART): np.array([12.0, 12.0, 12.0])})
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


def test_a_larger_heart_in_the_pelvis_gives_way_to_one_beside_the_aorta(organ_map, extents_mm):
    predicted = organ_map.copy()
    predicted[2:8, 2:8, 30:32] = 0  # two thirds of the heart, and
    predicted[1:9, 1:9, 50:56] = HEART  # more than twice as much beyond the other end of the aorta
    cleaned, removed = remove_distant_parts(predicted, SPACING_MM, extents_mm)
    assert removed == {HEART: [8 * 8 * 6]}
    np.testing.assert_array_equal(cleaned == HEART, (organ_map == HEART) & (predicted == HEART))


def test_one_misplaced_organ_misplaces_no_other(organ_map, extents_mm):
    """Two organs in the wrong place lie beside each other there; what they lie beside of the others decides."""
    spleen, liver = 3, 4
    organ_map[2:8, 14:18, 30:36], organ_map[10:18, 2:8, 30:36] = spleen, liver
    extents = largest_extents_mm([(organ_map, SPACING_MM)], [HEART, AORTA, spleen, liver])
    predicted = organ_map.copy()
    predicted[1:8, 1:8, 52:59], predicted[1:8, 12:19, 52:59] = HEART, spleen  # both larger than the right ones
    cleaned, removed = remove_distant_parts(predicted, SPACING_MM, extents)
    np.testing.assert_array_equal(cleaned, organ_map)
    assert set(removed) == {HEART, spleen}


def test_an_organ_in_the_wrong_place_alone_stays(organ_map, extents_mm):
    """It may be right: a kidney in the pelvis."""
    predicted = np.where(organ_map == HEART, 0, organ_map)
    predicted[2:8, 2:8, 54:60] = HEART
    cleaned, removed = remove_distant_parts(predicted, SPACING_MM, extents_mm)
    np.testing.assert_array_equal(cleaned, predicted)
    assert removed == {}


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
