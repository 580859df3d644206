"""Strokes of robots in errors that were made by hand."""

import numpy as np
import pytest

from nnunetv2_muduo.prompting.robot_scribbles import scribble

KINDS = ("center", "random", "border")
SHAPE = (6, 30, 40)


def rng(seed=0):
    return np.random.default_rng(seed)


def bar():
    """Larger in slice 3 than in slice 2; a smaller error lies in slice 5."""
    mask = np.zeros(SHAPE, bool)
    mask[2, 10:15, 5:20] = mask[3, 10:15, 5:35] = mask[5, 0:8, 0:8] = True
    return mask


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_a_stroke_lies_in_the_largest_slice_of_the_largest_error(kind, seed):
    voxels = scribble(bar(), kind, rng(seed))
    assert len(voxels)
    assert set(voxels[:, 0]) == {3}
    assert bar()[tuple(voxels.T)].all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stroke_goes_from_voxel_to_voxel(kind):
    voxels = scribble(bar(), kind, rng())
    assert (np.abs(np.diff(voxels, axis=0)).max(1) == 1).all()


def test_a_center_line_runs_along_the_middle():
    voxels = scribble(bar(), "center", rng())
    assert set(voxels[:, 1]) == {12}
    assert len(voxels) > 15


def test_a_border_line_runs_along_a_fifth_of_the_border():
    voxels = scribble(bar(), "border", rng())
    _, y, x = voxels.T
    assert (np.isin(y, (10, 14)) | np.isin(x, (5, 34))).all()
    assert len(voxels) == pytest.approx(0.2 * (2 * 30 + 2 * 3), abs=2)


def test_a_stroke_does_not_leave_a_bent_error():
    mask = np.zeros(SHAPE, bool)
    mask[1, 2:28, 3:6] = mask[1, 2:28, 30:33] = mask[1, 25:28, 3:33] = True
    for seed in range(20):
        for kind in KINDS:
            assert mask[tuple(scribble(mask, kind, rng(seed)).T)].all()


@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_one_voxel_and_none(kind):
    mask = np.zeros(SHAPE, bool)
    assert scribble(mask, kind, rng()).shape == (0, 3)
    mask[4, 0, 39] = True
    assert scribble(mask, kind, rng()).tolist() == [[4, 0, 39]]
