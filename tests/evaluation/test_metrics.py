import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nnunetv2_muduo.evaluation.metrics import dice, ravd, suv_peak

LABELS = npst.arrays(np.int16, (5, 6, 4), elements=st.integers(0, 3))


def test_dice_and_ravd_by_hand():
    prediction, truth = np.array([1, 1, 1, 0, 0], bool), np.array([0, 0, 1, 1, 0], bool)
    assert dice(prediction, truth) == pytest.approx(2 * 1 / 5)
    assert ravd(prediction, truth) == pytest.approx(1 / 2)
    assert ravd(truth, prediction) == pytest.approx(1 / 3)


@given(LABELS, LABELS)
def test_dice_is_symmetric_within_bounds_and_one_only_for_equal_masks(a, b):
    a, b = a == 1, b == 1
    assume(a.any() or b.any())
    assert 0 <= dice(a, b) <= 1
    assert dice(a, b) == dice(b, a)
    assert (dice(a, b) == 1) == np.array_equal(a, b)


def peak_by_all_spheres(mask, suv, spacing_mm):
    """Highest mean of a ball of 1000 cubic mm, each voxel of the image looked at for each voxel of the mask."""
    radius_mm = (1000 * 3 / 4 / np.pi) ** (1 / 3)
    places_mm = np.stack(np.indices(suv.shape), -1) * spacing_mm
    means = [
        suv[np.sqrt(((places_mm - places_mm[tuple(voxel)]) ** 2).sum(-1)) <= radius_mm].mean()
        for voxel in np.argwhere(mask)
    ]
    return max(means)


@pytest.mark.parametrize("spacing_mm", [(2.0, 2.0, 2.0), (3.0, 2.04, 2.04), (3.27, 5.5, 5.5), (1.5, 4.0, 7.0)])
@pytest.mark.parametrize("seed", range(3))
def test_suv_peak_is_the_best_of_all_spheres(spacing_mm, seed):
    rng = np.random.default_rng(seed)
    suv = rng.gamma(2, 2, (12, 13, 11))
    mask = rng.random(suv.shape) < 0.2
    mask[0, 0, 0] = mask[-1, -1, -1] = True  # spheres that the image's border cuts
    assert suv_peak(mask, suv, spacing_mm) == pytest.approx(peak_by_all_spheres(mask, suv, spacing_mm), rel=1e-12)


def test_suv_peak_of_a_known_ball():
    """A point of activity in fine voxels is spread over 1 ml; in voxels larger than the sphere it is the maximum."""
    suv = np.zeros((41, 41, 41))
    suv[20, 20, 20] = 1000
    fine = suv_peak(suv > 0, suv, (0.5, 0.5, 0.5))
    assert fine == pytest.approx(1000 * 0.5**3 / 1000, rel=0.01)  # of 1000 cubic mm
    assert suv_peak(suv > 0, suv, (13.0, 13.0, 13.0)) == 1000


def test_suv_peak_looks_beyond_the_mask_but_is_centered_in_it():
    suv = np.ones((9, 9, 9))
    suv[:, :, 5:] = 10
    mask = np.zeros(suv.shape, bool)
    mask[4, 4, 4] = True
    assert 1 < suv_peak(mask, suv, (4.0, 4.0, 4.0)) < 10
    mask[:] = False
    assert np.isnan(suv_peak(mask, suv, (4.0, 4.0, 4.0)))
