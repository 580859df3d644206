"""Rows per case and organ, and cases that can't be measured."""

import json

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from fixtures.evaluation import LABELS, evaluate, failure, metrics, truth_labels, write_image


def test_processes_do_not_change_the_result(folders):
    assert evaluate(folders) == 0
    single = metrics(folders)
    assert evaluate(folders, "-np", 2) == 0
    pd.testing.assert_frame_equal(metrics(folders), single)


def test_voxels_to_ignore_take_part_in_nothing(folders):
    (folders / "pred" / "dataset.json").write_text(json.dumps({"labels": {**LABELS, "ignore": 4}}))
    truth = truth_labels()
    truth[:, :, 14] = 4  # where the prediction reaches one pixel too far
    write_image(folders / "gt" / "a.nii.gz", truth)
    assert evaluate(folders) == 0
    assert metrics(folders).loc[("a", "liver"), "dice"] == pytest.approx(2 * 9 / 19)


def test_methods_with_different_subsets_are_refused(folders, capsys):
    write_image(folders / "base" / "a.nii.gz", truth_labels())
    message = failure(folders, capsys, "--subset", "--compare", f"base={folders / 'base'}")
    assert "1 only in pred: b" in message


def test_resampling_brings_the_prediction_on_the_truths_grid(folders):
    """The truth, upsampled twofold along every axis, is the truth again after nearest neighbor resampling."""
    fine = truth_labels().repeat(2, 0).repeat(2, 1).repeat(2, 2)
    write_image(folders / "pred" / "a.nii.gz", fine, spacing=(1, 1, 1.5), origin=(-0.5, -0.5, -0.75))
    assert evaluate(folders, "--resample") == 0
    assert metrics(folders).loc["a", "dice"].dropna().tolist() == [1, 1]


def test_foreign_labels_are_named_and_counted(folders, capsys):
    labels = truth_labels()
    labels[0, 0, :3], labels[0, 1, 0] = 9, 7
    write_image(folders / "pred" / "b.nii.gz", labels)
    message = failure(folders, capsys)
    assert "1 of 2 case(s)" in message
    assert "b: foreign label values in the prediction: 7 (1 voxels), 9 (3 voxels)" in message


def test_values_between_labels_are_refused(folders, capsys):
    write_image(folders / "gt" / "a.nii.gz", truth_labels() * np.float32(0.5))
    assert "aren't whole numbers" in failure(folders, capsys)


def test_labels_stored_as_floats_are_accepted(folders):
    write_image(folders / "gt" / "a.nii.gz", truth_labels().astype(np.float64))
    assert evaluate(folders) == 0
    assert metrics(folders).loc[("a", "liver"), "dice"] == pytest.approx(0.9)


def test_4d_files_are_refused(folders, capsys):
    image_4d = sitk.JoinSeries([sitk.GetImageFromArray(truth_labels())] * 2)
    sitk.WriteImage(image_4d, str(folders / "pred" / "a.nii.gz"))
    message = failure(folders, capsys)
    assert "1 of 2 case(s)" in message
    assert "is no 3D volume: its size is (20, 20, 12, 2)" in message


def test_unreadable_files_are_named(folders, capsys):
    (folders / "pred" / "a.nii.gz").write_bytes(b"not an image")
    message = failure(folders, capsys)
    assert f"a: {folders / 'pred' / 'a.nii.gz'} can't be read" in message


def test_truncated_files_are_named(folders, capsys):
    noise = np.random.default_rng(0).integers(0, 3, (40, 40, 40)).astype(np.uint8)
    for side in ("gt", "pred"):
        write_image(folders / side / "b.nii.gz", noise)
    file = folders / "gt" / "b.nii.gz"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    message = failure(folders, capsys)
    assert f"b: {file} can't be read" in message
