import hashlib
import json
import re

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.cli import main

LABELS = {"background": 0, "liver": 1, "spleen": 2, "bladder": 3}
SPACING_MM = (2.0, 2.0, 3.0)  # x, y, z


def write_image(path, array, spacing=SPACING_MM, origin=(0, 0, 0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    sitk.WriteImage(image, str(path))


def truth_labels():
    labels = np.zeros((12, 20, 20), np.uint8)
    labels[2:8, 4:14, 4:14] = 1
    labels[9:11, 15:19, 15:19] = 2
    return labels


@pytest.fixture
def folders(tmp_path):
    """Two cases: `a` predicted one pixel off along x, `b` without the spleen."""
    off, without_spleen = np.roll(truth_labels(), 1, axis=2), truth_labels()
    without_spleen[without_spleen == 2] = 0
    for name, prediction in (("a", off), ("b", without_spleen)):
        write_image(tmp_path / "gt" / f"{name}.nii.gz", truth_labels())
        write_image(tmp_path / "pred" / f"{name}.nii.gz", prediction)
    (tmp_path / "pred" / "dataset.json").write_text(json.dumps({"labels": LABELS}))
    (tmp_path / "pred" / "plans.json").write_text("{}")
    return tmp_path


def evaluate(folders, *more):
    command = ["evaluate", str(folders / "pred"), str(folders / "gt"), "-o", str(folders / "out"), "-np", "1"]
    return main([*command, *map(str, more)])


def metrics(folders):
    return pd.read_csv(folders / "out" / "metrics.csv").set_index(["case", "organ"])


def failure(folders, capsys, *more):
    assert evaluate(folders, *more) == 1
    assert not (folders / "out").exists()
    return capsys.readouterr().err


def test_metrics_per_case_and_organ(folders, capsys):
    assert evaluate(folders) == 0
    table = metrics(folders)
    assert table.index.tolist() == [(case, organ) for case in "ab" for organ in ("liver", "spleen", "bladder")]
    assert table.loc[("a", "liver"), "dice"] == pytest.approx(0.9)
    assert table.loc[("a", "spleen"), "dice"] == pytest.approx(0.75)
    assert table.loc[("a", "liver"), "hd95_mm"] == 2
    assert table.loc[("a", "liver"), "hd95_voxel"] == 1
    assert table.loc[("a", "liver"), "volume_truth_ml"] == pytest.approx(600 * 0.012)
    assert table.loc[("b", "spleen"), ["missed", "dice"]].tolist() == [1, 0]
    assert np.isnan(table.loc[("b", "spleen"), "hd95_mm"])
    assert np.isnan(table.loc[("a", "bladder"), "dice"])
    assert "suv_mean_truth" not in table
    printed = capsys.readouterr().out
    assert re.search(r"\| liver +\| +95\.00 ± 7\.07 \|", printed)
    assert printed == (folders / "out" / "metrics.md").read_text() + "\n"


def test_json_has_versions_settings_and_hashes(folders):
    assert evaluate(folders, "--tolerance", 2.5) == 0
    content = json.loads((folders / "out" / "metrics.json").read_text(), parse_constant=pytest.fail)
    file = folders / "pred" / "b.nii.gz"
    assert content["inputs"]["sha256"]["pred"]["b"]["prediction"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert content["settings"]["tolerances"]["mm"] == 2.5
    assert {"python", "nnunetv2_muduo", "scipy"} <= content["versions"].keys()
    assert content["summary"]["pred"]["spleen"]["dice"]["n"] == 2
    assert len(content["cases"]) == 6
    assert "published" not in content


def test_processes_do_not_change_the_result(folders):
    assert evaluate(folders) == 0
    single = metrics(folders)
    assert evaluate(folders, "-np", 2) == 0
    pd.testing.assert_frame_equal(metrics(folders), single)


def test_uptake_from_nnunet_channel_files(folders):
    for name in "ab":
        write_image(folders / "images" / f"{name}_0000.nii.gz", np.full((12, 20, 20), -1000, np.float32))
        write_image(folders / "images" / f"{name}_0001.nii.gz", truth_labels() * np.float32(2.5))
    assert evaluate(folders, "--pet", folders / "images") == 0
    row = metrics(folders).loc[("a", "liver")]
    assert row["suv_mean_truth"] == row["suv_max_truth"] == row["suv_max_prediction"] == 2.5
    assert row["suv_mean_prediction"] == pytest.approx(0.9 * 2.5)
    assert row["uptake_truth_suv_ml"] == pytest.approx(2.5 * 7.2)


def test_published_table(folders, capsys):
    assert evaluate(folders, "--published") == 0
    assert "| ASD (voxel) | HD95 (voxel) |" in capsys.readouterr().out
    summary = json.loads((folders / "out" / "metrics.json").read_text())["published"]["pred"]
    assert summary["bladder"]["dice"] == {"mean": 1, "std": 0, "n": 2}
    assert summary["spleen"]["hd95_voxel"] == {"mean": 0.5, "std": 0.5, "n": 2}
    assert (folders / "out" / "published.csv").is_file()


def test_comparison_with_another_method(folders, capsys):
    for name in "ab":
        write_image(folders / "base" / f"{name}.nii.gz", np.roll(truth_labels(), 2, axis=2))
    assert evaluate(folders, "--name", "ours", "--compare", f"base={folders / 'base'}") == 0
    comparison = pd.read_csv(folders / "out" / "comparison.csv").set_index(["measure", "organ"])
    assert comparison.loc[("dice", "liver"), "difference"] == pytest.approx((0.1 + 0.2) / 2)
    assert comparison.loc[("hd95_mm", "spleen"), "n"] == 1
    assert set(metrics(folders)["method"]) == {"ours", "base"}
    assert "ours minus base" in capsys.readouterr().out


def test_two_methods_of_one_name_are_refused(folders, capsys):
    assert "same name" in failure(folders, capsys, "--compare", f"pred={folders / 'gt'}")


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


def test_voxels_to_ignore_take_part_in_nothing(folders):
    (folders / "pred" / "dataset.json").write_text(json.dumps({"labels": {**LABELS, "ignore": 4}}))
    truth = truth_labels()
    truth[:, :, 14] = 4  # where the prediction reaches one pixel too far
    write_image(folders / "gt" / "a.nii.gz", truth)
    assert evaluate(folders) == 0
    assert metrics(folders).loc[("a", "liver"), "dice"] == pytest.approx(2 * 9 / 19)


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


def test_methods_with_different_subsets_are_refused(folders, capsys):
    write_image(folders / "base" / "a.nii.gz", truth_labels())
    message = failure(folders, capsys, "--subset", "--compare", f"base={folders / 'base'}")
    assert "1 only in pred: b" in message


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


def test_resampling_brings_the_prediction_on_the_truths_grid(folders):
    """The truth, upsampled twofold along every axis, is the truth again after nearest neighbor resampling."""
    fine = truth_labels().repeat(2, 0).repeat(2, 1).repeat(2, 2)
    write_image(folders / "pred" / "a.nii.gz", fine, spacing=(1, 1, 1.5), origin=(-0.5, -0.5, -0.75))
    assert evaluate(folders, "--resample") == 0
    assert metrics(folders).loc["a", "dice"].dropna().tolist() == [1, 1]


def test_pet_on_another_grid_is_refused(folders, capsys):
    for name in "ab":
        write_image(folders / "images" / f"{name}.nii.gz", np.ones((12, 20, 20), np.float32), origin=(5, 0, 0))
    assert "different grids" in failure(folders, capsys, "--pet", folders / "images", "--resample")


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


@pytest.mark.parametrize("side", ["pred", "gt"])
def test_empty_and_missing_folders_are_named(folders, capsys, side):
    for file in (folders / side).glob("*.nii.gz"):
        file.unlink()
    assert f"No images in {folders / side}" in failure(folders, capsys)
    (folders / side).rename(folders / "moved")
    assert f"No folder at {folders / side}" in failure(folders, capsys)
