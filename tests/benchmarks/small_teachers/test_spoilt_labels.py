"""Each way to spoil a label, on two touching cubes."""

import numpy as np
import pytest

from benchmarks.small_teachers.spoilt_labels import WAYS, spoilt

LABELS = np.zeros((12, 12, 12), np.uint8)
LABELS[2:6, 2:6, 2:6] = 1
LABELS[6:9, 2:6, 2:6] = 2


@pytest.mark.parametrize(
    ("way", "n_voxels"),
    [("eroded", 2**3), ("dilated", 4**3 + 6 * 4**2), ("shifted", 4**3), ("merged", 7 * 4**2), ("missing", 0)],
)
def test_size_of_the_spoilt_organ(way, n_voxels):
    mask = WAYS[way](LABELS, 1, np.random.default_rng(0))
    assert mask.sum() == n_voxels
    assert not np.array_equal(mask, LABELS == 1)


def test_every_organ_is_spoilt_and_the_given_labels_are_left_alone():
    before = LABELS.copy()
    drawn = [spoilt(LABELS, np.random.default_rng(seed)) for seed in range(30)]
    assert np.array_equal(LABELS, before)
    assert all(not np.array_equal(labels == organ, LABELS == organ) for labels in drawn for organ in (1, 2))
    assert set(np.unique(drawn)) == {0, 1, 2}


def test_an_organ_that_erosion_would_take_away_stays():
    labels = np.zeros((5, 5, 5), np.uint8)
    labels[2, 2, 1:4] = 3
    assert np.array_equal(WAYS["eroded"](labels, 3, np.random.default_rng(0)), labels == 3)
