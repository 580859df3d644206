"""What was preprocessed must be what the raw data set holds: training reads the former."""

import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.check import change_json
from support import DATASET

from nnunetv2_muduo.check.findings import OK, PROBLEM


@pytest.fixture
def preprocessed(dataset, tmp_path):
    """As nnU-Net leaves it: a copy of dataset.json and of the label maps."""
    folder = tmp_path / "pre" / DATASET
    shutil.copy(dataset / "dataset.json", folder)
    shutil.copytree(dataset / "labelsTr", folder / "gt_segmentations")
    return folder


def test_what_is_unchanged(preprocessed, check):
    exit_code, found = check()
    assert exit_code == 0
    assert found["preprocessed"][0] == OK


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("labels", {"background": 0, "kidney_left": 1, "kidney_right": 2}),
        ("labels", {"background": 0, "liver": 1, "spleen": 2, "tumor": 3}),
        ("channel_names", {"0": "CT", "1": "PET SUV"}),
    ],
)
def test_a_field_that_was_changed_since(dataset, preprocessed, check, field, value):
    change_json(dataset / "dataset.json", **{field: value})
    exit_code, found = check()
    assert exit_code == 1
    status, line = found["preprocessed"]
    assert status == PROBLEM
    assert field in line
    assert str(preprocessed / "dataset.json") in line
    assert "nnUNetv2_plan_and_preprocess again" in line


def test_a_field_that_training_does_not_read(dataset, preprocessed, check):
    change_json(dataset / "dataset.json", description="more words")
    assert check()[1]["preprocessed"][0] == OK


def test_a_label_map_that_was_corrected_since(dataset, preprocessed, check):
    path = dataset / "labelsTr" / "labeled_1.nii.gz"
    label = sitk.ReadImage(str(path))
    values = sitk.GetArrayFromImage(label)
    values[tuple(np.argwhere(values == 1)[0])] = 2
    corrected = sitk.GetImageFromArray(values)
    corrected.CopyInformation(label)
    sitk.WriteImage(corrected, str(path))
    exit_code, found = check()
    assert exit_code == 1
    assert "1 label maps are others than when they were preprocessed: labeled_1" in found["preprocessed"][1]


def test_before_preprocessing_there_is_nothing_to_compare(dataset, check):
    assert json.loads((dataset / "dataset.json").read_text())
    assert check()[1]["preprocessed"][0] == OK
