import pytest
from nnunetv2.utilities.label_handling.label_handling import LabelManager

from nnunetv2_muduo.labels import organ_names, why_no_labels


def test_background_ignore_and_regions_are_no_organs():
    labels = {"background": 0, "liver": 1, "whole": [1, 2], "spleen": 2, "ignore": 3}
    assert organ_names({"labels": labels}) == {1: "liver", 2: "spleen"}


def test_organs_are_in_the_order_of_nnunets_channels():
    labels = {"spleen": 2, "background": 0, "ignore": 4, "heart": 3, "liver": 1}
    assert list(organ_names({"labels": labels})) == LabelManager(labels, None).foreground_labels


@pytest.mark.parametrize("values", [[0, 1, 5], [0, 2], [1, 2], [0, 1, 2, 4]])
def test_labels_with_gaps_are_refused(values):
    reason = why_no_labels({f"organ {i}": value for i, value in enumerate(values)})
    assert "without gaps, found " + ", ".join(map(str, values)) in reason


@pytest.mark.parametrize(
    "labels",
    [
        {"background": 0},
        {"background": 0, "a": 1, "b": 1},
        {"background": 0, "a": 2, "b": 1},
        {"background": 0, "all": [1, 2], "a": 1},
    ],
)
def test_labels_that_count_from_zero(labels):
    assert why_no_labels(labels) is None
