import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nnunetv2_muduo.evaluation.metrics import dice, ravd

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
