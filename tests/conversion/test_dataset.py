"""The files that nnU-Net needs beside images and label maps, and folders that are somebody else's."""

import json

import pytest


def test_split_is_where_nnunet_reads_it(convert, petct, tmp_path):
    done = convert("autopet", petct.write_tree(tmp_path / "src", 7), sizes=(2, 2, 1))
    splits = json.loads((tmp_path / "nnUNet_preprocessed" / done.dataset.name / "splits_final.json").read_text())
    assert splits == [{"train": done.members("labeled"), "val": done.members("val")}]
    assert json.loads((done.dataset / "splits_final.json").read_text()) == splits
    assert len(splits[0]["train"]) == len(splits[0]["val"]) == 2


def test_without_val_cases_nnunet_validates_on_the_labeled_ones(convert, petct, tmp_path):
    done = convert("autopet", petct.write_tree(tmp_path / "src", 4), sizes=(2, 0, 1))
    splits = json.loads((done.dataset / "splits_final.json").read_text())
    assert splits[0]["train"] == splits[0]["val"] == done.members("labeled")
    assert "No val cases asked for" in done.report


def test_nnunet_finds_nothing_to_complain_about(convert, petct, tmp_path):
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

    done = convert("autopet", petct.write_tree(tmp_path / "src", 5), "--link")
    assert maybe_convert_to_dataset_name(705) == done.dataset.name
    verify_dataset_integrity(str(done.dataset), num_processes=1)


def test_a_folder_with_another_dataset_is_left_alone(convert, source, nnunet_folders):
    other = nnunet_folders / "nnUNet_raw" / "Dataset705_T"
    (other / "imagesTr").mkdir(parents=True)
    done = convert("autopet", source)
    assert done.exit_code == 1
    assert "didn't make" in done.message
    assert [path.name for path in other.rglob("*")] == ["imagesTr"]


@pytest.mark.parametrize("variable", ["nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"])
def test_an_id_that_is_taken_is_refused(convert, source, nnunet_folders, variable):
    (nnunet_folders / variable / "Dataset705_Other").mkdir()
    done = convert("autopet", source)
    assert done.exit_code == 1
    assert "Id 705 belongs to" in done.message


def test_environment_and_names_are_checked(convert, source, monkeypatch):
    assert "DatasetXXX_Name" in convert("autopet", source, name="a b").message
    monkeypatch.delenv("nnUNet_raw")
    assert "export nnUNet_raw" in convert("autopet", source).message


def test_another_split_of_nnunet_is_not_overwritten(convert, source, nnunet_folders):
    splits = nnunet_folders / "nnUNet_preprocessed" / "Dataset705_T" / "splits_final.json"
    splits.parent.mkdir()
    splits.write_text(json.dumps([{"train": ["x"], "val": []}]))
    done = convert("autopet", source)
    assert done.exit_code == 1
    assert "another split is already there" in done.report
    assert json.loads(splits.read_text())[0]["train"] == ["x"]
