"""`muduo postprocess` as a command: predictions in, predictions without distant parts and a record of them out."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.cli.main import main
from nnunetv2_muduo.evaluation.cases import read_label_names

LABELS = {"background": 0, "heart": 1, "prostate": 2}


@pytest.fixture
def folders(tmp_path):
    """Labels of two cases with a heart of 5 voxels' length, and a prediction with one more 30 voxels away."""
    organs = np.zeros((50, 10, 10), np.uint8)
    organs[40:45, 4:6, 4:6] = 1
    predicted = organs.copy()
    predicted[10, 4:6, 4:6] = 1
    predicted[20, 1, 1] = 2  # no labeled case has a prostate: nobody knows how long it may be
    for folder, name, array in [("labelsTr", "a", organs), ("labelsTr", "b", organs), ("predicted", "c", predicted)]:
        (tmp_path / folder).mkdir(exist_ok=True)
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / folder / f"{name}.nii.gz"))
    for folder in (tmp_path, tmp_path / "predicted"):
        (folder / "dataset.json").write_text(json.dumps({"labels": LABELS}))
    (tmp_path / "predicted" / "predict_from_raw_data_args.json").write_text("{}")
    return tmp_path


def postprocess(folders, out="cleaned"):
    return main(["postprocess", str(folders / "predicted"), str(folders / "labelsTr"), "-o", str(folders / out)])


def test_predictions_without_distant_parts(folders, capsys):
    assert postprocess(folders) == 0
    cleaned = sitk.GetArrayFromImage(sitk.ReadImage(str(folders / "cleaned" / "c.nii.gz")))
    assert np.flatnonzero((cleaned == 1).any((1, 2))).tolist() == [40, 41, 42, 43, 44]
    assert cleaned[20, 1, 1] == 2
    assert "removed from 1 cases: 1 of heart." in capsys.readouterr().out


def test_record_and_what_the_next_commands_look_for(folders):
    assert postprocess(folders) == 0
    record = json.loads((folders / "cleaned" / "muduo_postprocessing.json").read_text())
    assert record["voxels_of_removed_parts"] == {"c": {"heart": [4]}}
    assert record["largest_extents_xyz_mm"] == {"heart": [2, 2, 5]}
    assert read_label_names(folders / "cleaned" / "dataset.json").organs == {"heart": 1, "prostate": 2}
    assert {file.name for file in (folders / "cleaned").iterdir()} == {
        "c.nii.gz",
        "dataset.json",
        "muduo_postprocessing.json",
    }


def test_predictions_are_not_overwritten(folders, capsys):
    assert postprocess(folders, out="predicted") == 1
    assert "Name another folder" in capsys.readouterr().err
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(folders / "predicted" / "c.nii.gz")))[10, 4, 4] == 1


def test_labels_that_are_not_there(folders, capsys):
    (folders / "labelsTr").rename(folders / "elsewhere")
    assert postprocess(folders) == 1
    assert "labelsTr" in capsys.readouterr().err
