import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nnunetv2_muduo.evaluation.metrics import Tolerances
from nnunetv2_muduo.evaluation.organs import measure_labels, measure_organ

LABELS = npst.arrays(np.int16, (5, 6, 4), elements=st.integers(0, 3))
DISTANCES = [f"{name}_{unit}" for name in ("asd", "assd", "hd95") for unit in ("mm", "voxel")]


def box_mask(shape, *slices):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*bounds) for bounds in slices)] = True
    return mask


def test_missed_false_positive_and_absent_organs():
    mask, empty = np.ones((2, 3, 4), bool), np.zeros((2, 3, 4), bool)
    missed, false_positive, absent = (
        measure_organ(p, t, (1, 1, 1)) for p, t in ((empty, mask), (mask, empty), (empty, empty))
    )
    for row in (missed, false_positive, absent):
        assert np.isnan([row[name] for name in DISTANCES]).all()
    assert [row["missed"] for row in (missed, false_positive, absent)] == [1, 0, 0]
    assert [row["false_positive"] for row in (missed, false_positive, absent)] == [0, 1, 0]
    np.testing.assert_equal([row["dice"] for row in (missed, false_positive, absent)], [0, 0, np.nan])
    np.testing.assert_equal([row["nsd_mm"] for row in (missed, false_positive, absent)], [0, 0, np.nan])
    np.testing.assert_equal([row["ravd"] for row in (missed, false_positive, absent)], [1, np.nan, np.nan])


def test_mm_and_voxels_by_hand():
    """A plane, predicted two slices off: 2 voxels, or 6 mm at a slice distance of 3 mm."""
    truth = box_mask((6, 4, 4), (1, 2), (0, 4), (0, 4))
    row = measure_organ(np.roll(truth, 2, axis=0), truth, (3, 2, 2), tolerances=Tolerances(mm=5.9, voxel=2))
    assert [row[name] for name in ("asd_mm", "assd_mm", "hd95_mm", "nsd_mm")] == [6, 6, 6, 0]
    assert [row[name] for name in ("asd_voxel", "assd_voxel", "hd95_voxel", "nsd_voxel")] == [2, 2, 2, 1]


def test_volume_and_uptake_by_hand():
    truth = box_mask((4, 4, 4), (0, 2), (0, 1), (0, 1))
    prediction = box_mask((4, 4, 4), (0, 4), (0, 1), (0, 1))
    pet_suv = np.zeros((4, 4, 4), np.float32)
    pet_suv[:, 0, 0] = [1, 2, 4, 9]
    row = measure_organ(prediction, truth, (5, 10, 10), pet_suv)
    assert (row["volume_truth_ml"], row["volume_prediction_ml"]) == (1.0, 2.0)
    assert (row["suv_mean_truth"], row["suv_mean_prediction"]) == (1.5, 4.0)
    assert (row["suv_max_truth"], row["suv_max_prediction"]) == (2.0, 9.0)
    assert (row["uptake_truth_suv_ml"], row["uptake_prediction_suv_ml"]) == (1.5, 8.0)


def test_uptake_of_an_empty_mask():
    empty = np.zeros((2, 2, 2), bool)
    row = measure_organ(empty, empty, (1, 1, 1), np.ones((2, 2, 2), np.float32))
    assert np.isnan([row["suv_mean_truth"], row["suv_max_prediction"]]).all()
    assert row["uptake_truth_suv_ml"] == 0


@given(LABELS, LABELS)
def test_every_organ_is_measured_as_if_alone_on_the_whole_volume(prediction, truth):
    organs = {"spleen": 3, "liver": 1, "none": 7}
    pet_suv = np.arange(prediction.size, dtype=np.float32).reshape(prediction.shape)
    rows = measure_labels(prediction, truth, (3, 2, 1), organs, pet_suv)
    assert [row.pop("organ") for row in rows] == list(organs)
    for value, row in zip(organs.values(), rows, strict=True):
        np.testing.assert_equal(row, measure_organ(prediction == value, truth == value, (3, 2, 1), pet_suv))
