"""What training will do: the axis that is not mirrored, and the plans that it is read from."""

import json

import SimpleITK as sitk
from fixtures.check import change_json
from support import DATASET

from nnunetv2_muduo.check.findings import WARNING


def test_left_and_right_name_the_mirror_axis(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    assert "1 pairs of organs: no mirroring along axis 2 of the patch" in check()[1]["left and right"][1]


def test_unlabeled_cases_that_lie_another_way_are_warned_of(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    for path in (dataset / "imagesUn").glob("unlabeled_0_*"):
        sitk.WriteImage(sitk.PermuteAxes(sitk.ReadImage(str(path)), (1, 0, 2)), str(path))
    exit_code, found = check()
    assert exit_code == 0
    assert found["left and right"][0] == WARNING
    assert "along axis 2 of the patch; in unlabeled cases it is axis 1, 2" in found["left and right"][1]


def test_other_plans_are_read(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    plans = {"transpose_forward": [2, 0, 1], "configurations": {"3d_lowres": {"spacing": [4, 4, 4]}}}
    (dataset.parents[1] / "pre" / DATASET / "otherPlans.json").write_text(json.dumps(plans))
    exit_code, found = check("-p", "otherPlans", "-c", "3d_lowres")
    assert exit_code == 0
    assert "along axis 0 of the patch" in found["left and right"][1]
    assert "along axis 2 of the patch" in check()[1]["left and right"][1]
    assert "not there yet" in check()[1]["plans"][1]
    exit_code, found = check("-p", "otherPlans")
    assert exit_code == 1
    assert "no 3d_fullres in them, but 3d_lowres" in found["plans"][1]
