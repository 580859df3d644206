from nnunetv2.utilities.label_handling.label_handling import LabelManager

from nnunetv2_muduo.labels import organ_names


def test_background_ignore_and_regions_are_no_organs():
    labels = {"background": 0, "liver": 1, "whole": [1, 2], "spleen": 2, "ignore": 3}
    assert organ_names({"labels": labels}) == {1: "liver", 2: "spleen"}


def test_organs_are_in_the_order_of_nnunets_channels():
    labels = {"spleen": 2, "background": 0, "ignore": 4, "heart": 3, "liver": 1}
    assert list(organ_names({"labels": labels})) == LabelManager(labels, None).foreground_labels
