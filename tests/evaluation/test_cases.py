"""Folders of label maps: names of labels, cases on one side, and grids."""

import json

import nibabel
import numpy as np
import pytest
from fixtures.evaluation import SPACING_MM, evaluate, failure, metrics, truth_labels, write_image


@pytest.mark.parametrize("place", ["pred", "gt", "."])
def test_names_come_from_the_nearest_dataset_json(folders, place):
    (folders / "pred" / "dataset.json").unlink()
    (folders / place / "dataset.json").write_text(json.dumps({"labels": {"background": 0, place: 1, "other": 2}}))
    assert evaluate(folders) == 0
    assert ("a", place) in metrics(folders).index


def test_given_names_win(folders):
    given = folders / "names.json"
    given.write_text(json.dumps({"labels": {"background": 0, "given": 1, "other": 2}}))
    assert evaluate(folders, "--labels", given) == 0
    assert ("a", "given") in metrics(folders).index


def test_without_dataset_json_labels_are_named_by_value(folders):
    (folders / "pred" / "dataset.json").unlink()
    assert evaluate(folders) == 0
    assert metrics(folders).loc[("b", 2), "missed"] == 1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"background": 0, "body": [1, 2]}, "Region-based"),
        ({"0": "background", "1": "liver"}, "nnU-Net v2"),
        ({}, "has no 'labels'"),
    ],
)
def test_unusable_label_names(folders, capsys, labels, message):
    (folders / "pred" / "dataset.json").write_text(json.dumps({"labels": labels}))
    assert message in failure(folders, capsys)


def test_cases_on_one_side_are_named_and_counted(folders, capsys):
    for name in ("c", "d"):
        write_image(folders / "pred" / f"{name}.nii.gz", truth_labels())
    write_image(folders / "gt" / "e.nii.gz", truth_labels())
    message = failure(folders, capsys)
    assert f"2 case(s) without truth in {folders / 'gt'}: c, d" in message
    assert f"1 case(s) without prediction in {folders / 'pred'}: e" in message


def test_subset_measures_the_predicted_cases(folders):
    write_image(folders / "gt" / "e.nii.gz", truth_labels())
    assert evaluate(folders, "--subset") == 0
    assert set(metrics(folders).index.get_level_values("case")) == {"a", "b"}


def test_what_macos_leaves_is_no_case_and_endings_may_be_in_capitals(folders):
    for folder in ("pred", "gt"):
        (folders / folder / "._a.nii.gz").write_bytes(b"\0\x05\x16\x07")
        (folders / folder / ".DS_Store").write_bytes(b"Bud1")
    (folders / "gt" / "b.nii.gz").rename(folders / "gt" / "b.NII.GZ")
    assert evaluate(folders) == 0
    assert set(metrics(folders).index.get_level_values("case")) == {"a", "b"}


@pytest.mark.parametrize("folder", ["pred", "gt"])
def test_a_map_that_lies_in_two_places_is_refused_with_both(folders, capsys, folder):
    path = folders / folder / "a.nii.gz"
    image = nibabel.load(path)
    image = nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header)
    image.set_qform(image.affine @ np.diag([-1, 1, 1, 1]), 1)
    nibabel.save(image, path)
    message = failure(folders, capsys)
    assert f"{path}: sform and qform" in message
    assert message.index("sform: -") < message.index("qform: ")


def test_missing_pet_is_named(folders, capsys):
    write_image(folders / "images" / "a_0001.nii.gz", truth_labels() * np.float32(1))
    assert "1 case(s) without PET" in failure(folders, capsys, "--pet", folders / "images")


def test_different_grids_are_refused_with_both_geometries(folders, capsys):
    write_image(folders / "pred" / "a.nii.gz", truth_labels()[:, :, :15], spacing=(2, 2, 2.5), origin=(0, 0, 7))
    write_image(folders / "pred" / "b.nii.gz", truth_labels(), origin=(1, 0, 0))
    message = failure(folders, capsys)
    assert "2 of 2 case(s)" in message
    assert "size (15, 20, 12), spacing (2, 2, 2.5), origin (0, 0, 7)" in message
    assert "size (20, 20, 12), spacing (2, 2, 3), origin (0, 0, 0)" in message
    assert "origin (1, 0, 0)" in message


def test_header_noise_is_no_difference(folders):
    spacing = tuple(float(np.float32(s * (1 + 1e-7))) for s in SPACING_MM)
    write_image(folders / "pred" / "a.nii.gz", truth_labels(), spacing=spacing, origin=(1e-5, 0, 0))
    assert evaluate(folders) == 0


def test_pet_on_another_grid_is_refused(folders, capsys):
    for name in "ab":
        write_image(folders / "images" / f"{name}.nii.gz", np.ones((12, 20, 20), np.float32), origin=(5, 0, 0))
    assert "different grids" in failure(folders, capsys, "--pet", folders / "images", "--resample")


@pytest.mark.parametrize("side", ["pred", "gt"])
def test_empty_and_missing_folders_are_named(folders, capsys, side):
    for file in (folders / side).glob("*.nii.gz"):
        file.unlink()
    assert f"No images in {folders / side}" in failure(folders, capsys)
    (folders / side).rename(folders / "moved")
    assert f"No folder at {folders / side}" in failure(folders, capsys)
