"""What training will do: the axis that is not mirrored, and the plans that it is read from."""

import SimpleITK as sitk
from fixtures.check import change_json, write_plans
from support import DATASET, write_config

from nnunetv2_muduo.check.findings import OK, WARNING


def test_left_and_right_name_the_mirror_axis(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    assert "1 pairs of organs: no mirroring along axis 2 of the patch" in check()[1]["left and right"][1]


def store_as(dataset, pattern, orientation):
    for path in dataset.glob(pattern):
        sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(path)), orientation), str(path))


def test_unlabeled_cases_that_lie_another_way_are_warned_of(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    store_as(dataset, "imagesUn/unlabeled_0_*", "RAS")
    exit_code, found = check()
    assert exit_code == 0
    assert found["left and right"][0] == WARNING
    assert "unlabeled ones as RAS: these will be turned when they are prepared" in found["left and right"][1]


def test_test_cases_that_lie_another_way_are_warned_of(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    for name in ("imagesTs", "labelsTs"):
        (dataset / name).mkdir()
    for path in (dataset / "imagesUn").glob("unlabeled_0_*"):
        path.rename(dataset / "imagesTs" / path.name)
    store_as(dataset, "imagesTs/*", "LAS")
    assert "test cases as LAS: sides of their predictions will be swapped" in check()[1]["left and right"][1]


def test_labeled_cases_that_lie_several_ways_are_a_problem_where_labels_have_sides(dataset, check):
    for pattern in ("imagesTr/labeled_0_*", "labelsTr/labeled_0.*"):
        store_as(dataset, pattern, "RAS")
    assert check()[0] == 0
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    exit_code, found = check()
    assert exit_code == 1
    assert "stored as LPS and RAS, so a network sees sides both ways" in found["left and right"][1]


def test_names_that_may_be_sides_are_asked_about_and_the_config_answers(dataset, check, tmp_path, monkeypatch):
    change_json(dataset / "dataset.json", labels={"background": 0, "LV": 1, "RV": 2})
    status, line = check()[1]["left and right"]
    assert status == WARNING
    assert "LV and RV may be sides" in line
    write_config(monkeypatch, tmp_path, labels_have_sides=True)
    status, line = check()[1]["left and right"]
    assert status == OK
    assert "no mirroring along axis 2 of the patch" in line


def test_a_file_that_cant_be_read_leaves_the_other_findings(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    (dataset / "imagesUn" / "unlabeled_0_0000.nii.gz").write_bytes(b"no image")
    exit_code, found = check()
    assert exit_code == 1
    assert "unlabeled_0_0000.nii.gz" in found["grids"][1]
    assert found["left and right"][0] == OK
    assert "disk" in found


def test_other_plans_are_read(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    folder = dataset.parents[1] / "pre" / DATASET
    (folder / "nnUNetPlans.json").unlink()
    write_plans(folder, "otherPlans", "3d_lowres", transpose_forward=[2, 0, 1])
    exit_code, found = check("-p", "otherPlans", "-c", "3d_lowres")
    assert exit_code == 0
    assert "along axis 0 of the patch" in found["left and right"][1]
    assert "along axis 2 of the patch" in check()[1]["left and right"][1]
    assert "not there yet" in check()[1]["plans"][1]
    exit_code, found = check("-p", "otherPlans")
    assert exit_code == 1
    assert "no 3d_fullres in them, but 3d_lowres" in found["plans"][1]
