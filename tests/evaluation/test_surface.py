import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import ndimage
from scipy.spatial.distance import cdist

from nnunetv2_muduo.evaluation.surface import surface_measures, surface_voxels

MASKS = npst.arrays(bool, npst.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7))
SPACINGS = st.tuples(*[st.floats(0.5, 5)] * 3)


@st.composite
def mask_pairs(draw):
    mask = draw(MASKS)
    other = draw(npst.arrays(bool, mask.shape))
    assume(mask.any() and other.any())
    return mask, other


def measure(prediction, truth, spacing=(1, 1, 1), tolerance=1.0):
    return surface_measures(surface_voxels(prediction) * spacing, surface_voxels(truth) * spacing, tolerance)


def cubes_two_apart():
    """Two cubes of 4 x 4 x 4 voxels, the second shifted by two along the last axis."""
    prediction, truth = np.zeros((2, 10, 10, 10), bool)
    prediction[3:7, 3:7, 1:5] = truth[3:7, 3:7, 3:7] = True
    return prediction, truth


@given(MASKS)
def test_surface_is_the_mask_without_its_erosion(mask):
    expected = np.argwhere(mask ^ ndimage.binary_erosion(mask))
    np.testing.assert_array_equal(surface_voxels(mask), expected)
    np.testing.assert_array_equal(surface_voxels(np.asfortranarray(mask)), expected)


def test_a_full_image_has_its_border_as_surface():
    assert len(surface_voxels(np.ones((4, 5, 6), bool))) == 4 * 5 * 6 - 2 * 3 * 4


@settings(deadline=None)
@given(mask_pairs(), SPACINGS, st.floats(0.1, 6))
def test_measures_equal_brute_force(pair, spacing, tolerance):
    points, other_points = (np.argwhere(m ^ ndimage.binary_erosion(m)) * spacing for m in pair)
    distances = cdist(points, other_points)
    there, back = distances.min(axis=1), distances.min(axis=0)
    assume(np.abs(np.concatenate([there, back]) - tolerance).min() > 1e-3)
    n_within = np.count_nonzero(there <= tolerance) + np.count_nonzero(back <= tolerance)
    expected = {
        "asd": there.mean(),
        "assd": np.mean([*there, *back]),
        "hd95": np.percentile([*there, *back], 95),
        "nsd": n_within / (len(there) + len(back)),
    }
    assert measure(*pair, spacing, tolerance) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(mask_pairs(), SPACINGS)
def test_medpy_agrees(pair, spacing):
    binary = pytest.importorskip("medpy.metric.binary", reason="medpy is not installed")
    expected = {name: getattr(binary, name)(*pair, voxelspacing=spacing) for name in ("asd", "assd", "hd95")}
    ours = measure(*pair, spacing)
    assert {name: ours[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(mask_pairs(), st.floats(0.1, 4))
def test_monai_agrees_on_nsd(pair, tolerance):
    monai_metrics = pytest.importorskip("monai.metrics", reason="MONAI is not installed")
    torch = pytest.importorskip("torch")
    prediction, truth = (torch.from_numpy(mask)[None, None] for mask in pair)
    expected = monai_metrics.compute_surface_dice(prediction, truth, [tolerance], include_background=True)
    assert measure(*pair, tolerance=tolerance)["nsd"] == pytest.approx(expected.item(), abs=1e-6)


@settings(deadline=None)
@given(mask_pairs(), SPACINGS, st.floats(0.2, 5))
def test_distances_scale_with_the_spacing_and_all_but_asd_are_symmetric(pair, spacing, factor):
    forward, backward = measure(*pair, spacing), measure(*pair[::-1], spacing)
    scaled = measure(*pair, np.multiply(spacing, factor), tolerance=factor)
    for name in ("assd", "hd95", "nsd"):
        assert forward[name] == pytest.approx(backward[name])
    for name in ("asd", "assd", "hd95"):
        assert scaled[name] == pytest.approx(forward[name] * factor)


@given(MASKS, SPACINGS)
def test_a_mask_agrees_with_itself(mask, spacing):
    assume(mask.any())
    assert measure(mask, mask, spacing) == {"asd": 0, "assd": 0, "hd95": 0, "nsd": 1}


def test_shifted_cubes_by_hand():
    """Of a cube's 56 surface voxels, 16 (outer face) are two steps from the other cube's surface and 12 (rim) one step
    along the last axis; 4 (middle of the face inside the other cube) are one step from it across; 24 lie on it."""
    result = measure(*cubes_two_apart(), spacing=(1, 1, 3.0), tolerance=3.0)
    mean = (16 * 6 + 12 * 3 + 4 * 1) / 56
    assert result == pytest.approx({"asd": mean, "assd": mean, "hd95": 6, "nsd": 40 / 56})


def test_asd_is_directed():
    """A prediction inside the truth's surface is right as far as it goes: its own distance is 0, the way back isn't."""
    truth = np.zeros((3, 3, 12), bool)
    truth[1, 1, 1:11] = True
    prediction = truth.copy()
    prediction[1, 1, 6:] = False
    result = measure(prediction, truth)
    assert result["asd"] == 0
    assert result["assd"] == pytest.approx((1 + 2 + 3 + 4 + 5) / 15)
    assert result["hd95"] == pytest.approx(np.percentile([0] * 10 + [1, 2, 3, 4, 5], 95))
    assert result["nsd"] == pytest.approx(11 / 15)


def test_float32_spacing_does_not_miss_the_tolerance():
    truth, prediction = np.zeros((2, 3, 3, 3), bool)
    truth[0], prediction[:2] = True, True
    spacing = (float(np.float32(2.7)), 1, 1)
    assert spacing[0] > 2.7
    assert measure(prediction, truth, spacing, tolerance=2.7)["nsd"] == 1


def test_missing_surfaces_have_no_distances():
    mask, empty = np.ones((3, 3, 3), bool), np.zeros((3, 3, 3), bool)
    for pair, nsd in (((mask, empty), 0.0), ((empty, mask), 0.0), ((empty, empty), np.nan)):
        result = measure(*pair)
        assert np.isnan([result["asd"], result["assd"], result["hd95"]]).all()
        np.testing.assert_equal(result["nsd"], nsd)
