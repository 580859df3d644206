"""Leakage is said by preparation and training too, in the words of the check; so is that raw images are gone."""

import json
import shutil

import pytest
from fixtures.check import write_split
from support import DATASET, log_of, make_trainer, prepare_tiny, write_config

from nnunetv2_muduo.check.findings import PROBLEM, WARNING
from nnunetv2_muduo.cli import main

TRAINER = "nnUNetTrainerMeanTeacher"


def copy_case(raw, of, to):
    for channel in (0, 1):
        shutil.copy(raw / f"{of}_000{channel}.nii.gz", raw / f"{to}_000{channel}.nii.gz")


def prepare_log(capsys, exit_code=0) -> str:
    capsys.readouterr()
    assert main(["prepare", "-d", "1", "-device", "cpu", "-tr", TRAINER]) == exit_code
    return capsys.readouterr().out


def training_log() -> str:
    trainer = make_trainer(TRAINER)
    trainer.initialize()
    trainer.before_training()
    return log_of(trainer)


def validated(root) -> str:
    """A validation case of fold 0."""
    return json.loads((root / "pre" / DATASET / "splits_final.json").read_text())[0]["val"][0]


@pytest.mark.parametrize("name", ["copied", "same"])
@pytest.mark.parametrize("part", ["val", "train"])
def test_a_labeled_case_among_the_unlabeled(prepared_dataset, tmp_path, monkeypatch, capsys, check, name, part):
    write_config(monkeypatch, tmp_path, num_epochs=1, num_iterations_per_epoch=1)
    raw = prepared_dataset / "raw" / DATASET
    split = json.loads((prepared_dataset / "pre" / DATASET / "splits_final.json").read_text())[0]
    case = split[part][0]
    copy_case(raw, f"imagesTr/{case}", f"imagesUn/{case if name == 'same' else 'copied'}")
    subject, words = {
        "copied": ("copies", f"one scan in two sets, remove one of each: imagesTr/{case} = imagesUn/copied"),
        "same": ("doubles", f"imagesTr and imagesUn share 1: {case}"),
    }[name]
    status, line = check("-tr", TRAINER)[1][subject]
    assert status == PROBLEM
    assert words in line
    said = f"WARNING: {subject}: {words}"
    assert said in prepare_log(capsys)
    assert said in training_log()


def test_a_data_set_without_leakage_has_no_such_line(prepared_dataset, capsys):
    assert "WARNING" not in prepare_log(capsys)
    assert "WARNING" not in training_log()


@pytest.mark.parametrize("folder", ["imagesUn emptied", "imagesUn", "all"])
def test_raw_images_that_are_gone_are_said(prepared_dataset, tmp_path, monkeypatch, capsys, folder):
    prepare_tiny(TRAINER)
    raw = prepared_dataset / "raw" / DATASET
    for path in (raw / "imagesUn").glob("*") if "emptied" in folder else [raw if folder == "all" else raw / "imagesUn"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if folder == "imagesUn emptied":
        (raw / "imagesUn" / "moved to the archive.txt").touch()
        (raw / "imagesUn" / ".DS_Store").touch()
    said = "going on with the 4 that are prepared, of which it can't be seen whether their images have changed"
    assert f"WARNING: no unlabeled cases in {raw / 'imagesUn'}: {said}" in prepare_log(capsys)
    assert said in training_log()


def test_without_images_and_without_prepared_cases_nothing_goes_on(tiny_dataset_copy, capsys):
    shutil.rmtree(tiny_dataset_copy / "raw" / DATASET / "imagesUn")
    assert main(["prepare", "-d", "1", "-device", "cpu", "-tr", TRAINER]) == 1
    assert "No unlabeled cases in" in capsys.readouterr().err


def test_the_check_warns_where_the_images_are_gone(prepared_dataset, check):
    shutil.rmtree(prepared_dataset / "raw" / DATASET / "imagesUn")
    status, line = check("-tr", TRAINER)[1]["cases"]
    assert status == WARNING
    assert "going on with the 4 that are prepared" in line


def test_a_case_that_trains_and_validates_is_leakage(dataset, check, tmp_path):
    write_split(tmp_path, ["labeled_0", "labeled_1", "labeled_3"], ["labeled_3", "labeled_4"])
    exit_code, found = check()
    assert exit_code == 1
    assert found["doubles"][0] == PROBLEM
    assert "labeled and val share 1: labeled_3" in found["doubles"][1]
    assert "1 cases are in both (labeled_3), so what validation says is leakage" in found["split"][1]
