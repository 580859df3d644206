"""Labeled cases whose files dataset.json lists, as nnU-Net allows: in its field `dataset`, wherever they lie."""

import json
import shutil

import pytest
from fixtures.check import assert_named, change_json
from support import (
    DATASET,
    log_of,
    make_trainer,
    plan_and_preprocess,
    set_nnunet_folders,
    write_config,
    write_raw_dataset,
)

from nnunetv2_muduo.check.findings import OK, PROBLEM
from nnunetv2_muduo.cli import main


def move_elsewhere(dataset, place, written):
    """Labeled cases with names of their own in another folder, and dataset.json that lists them."""
    place.mkdir()
    listed = {}
    for label in sorted((dataset / "labelsTr").glob("*.nii.gz")):
        case = label.name.removesuffix(".nii.gz")
        files = [place / f"{case} {kind}.nii.gz" for kind in ("CT", "PET", "organs")]
        sources = [dataset / "imagesTr" / f"{case}_000{channel}.nii.gz" for channel in (0, 1)] + [label]
        for source, file in zip(sources, files, strict=True):
            shutil.move(source, file)
        *images, label = [written(file) for file in files]
        listed[case] = {"images": images, "label": label}
    shutil.rmtree(dataset / "imagesTr")
    shutil.rmtree(dataset / "labelsTr")
    change_json(dataset / "dataset.json", dataset=listed)


WRITTEN = {
    "absolute": str,
    "relative": lambda file: f"../elsewhere/{file.name}",
    "variable": lambda file: f"$ELSEWHERE/{file.name}",
}


@pytest.fixture(params=WRITTEN)
def elsewhere(dataset, request, monkeypatch):
    """Folder of the files, beside the data set."""
    place = dataset.parent / "elsewhere"
    monkeypatch.setenv("ELSEWHERE", str(place))
    move_elsewhere(dataset, place, WRITTEN[request.param])
    return place


def test_all_is_found(elsewhere, check):
    exit_code, found = check()
    assert exit_code == 0
    assert "3 labeled, 2 val, 4 unlabeled" in found["cases"][1]
    assert "9 cases" in found["grids"][1]
    assert "5 of 5 labeled" in found["values"][1]
    assert found["labels"][0] == OK


def test_files_that_are_not_there_are_named(elsewhere, check):
    (elsewhere / "labeled_1 PET.nii.gz").unlink()
    (elsewhere / "labeled_2 organs.nii.gz").unlink()
    exit_code, found = check()
    assert exit_code == 1
    assert (
        f"2 missing: {elsewhere / 'labeled_1 PET.nii.gz'}, {elsewhere / 'labeled_2 organs.nii.gz'}" in found["files"][1]
    )


def test_a_copy_among_the_unlabeled_is_found(elsewhere, dataset, check):
    (dataset / "muduo_cases.json").unlink()
    for channel, kind in enumerate(("CT", "PET")):
        shutil.copy(elsewhere / f"labeled_4 {kind}.nii.gz", dataset / "imagesUn" / f"copy_000{channel}.nii.gz")
    assert_named(check, "copies", "imagesTr/labeled_4 = imagesUn/copy")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda listed: listed["labeled_1"]["images"].pop(), "2 images of labeled_1 in the field dataset"),
        (lambda listed: listed.pop("labeled_1"), "dataset.json says 5 cases, its field dataset lists 4"),
        (lambda listed: listed["labeled_1"].pop("label"), "dataset.json has another shape than expected"),
        (lambda listed: listed.update(labeled_1=["a", "b"]), "dataset.json has another shape than expected"),
        (lambda listed: listed["labeled_1"].update(images=5), "dataset.json has another shape than expected"),
    ],
    ids=["one-channel", "one-case-less", "no-label", "list", "number"],
)
def test_what_is_wrong_in_the_list_is_said(dataset, check, change, words):
    move_elsewhere(dataset, dataset.parent / "elsewhere", str)
    listed = json.loads((dataset / "dataset.json").read_text())["dataset"]
    change(listed)
    change_json(dataset / "dataset.json", dataset=listed)
    exit_code, found = check()
    assert exit_code == 1
    assert any(status == PROBLEM and words in line for status, line in found.values())


def test_preparation_checks_these_files_and_training_trains(tmp_path, monkeypatch, capsys):
    set_nnunet_folders(monkeypatch, tmp_path)
    write_config(monkeypatch, tmp_path, num_epochs=1, num_iterations_per_epoch=1)
    dataset = tmp_path / "raw" / DATASET
    write_raw_dataset(dataset)
    place = tmp_path / "elsewhere"
    move_elsewhere(dataset, place, str)
    plan_and_preprocess(1)
    assert main(["prepare", "-d", "1", "-device", "cpu", "-tr", "nnUNetTrainerMeanTeacher"]) == 0
    trainer = make_trainer("nnUNetTrainerMeanTeacher")
    trainer.run_training()
    assert "Labeled 4 / unlabeled 4 / validation 1 cases" in log_of(trainer)
    capsys.readouterr()
    shutil.copy(place / "labeled_1 CT.nii.gz", place / "labeled_2 PET.nii.gz")
    assert main(["prepare", "-d", "1", "-device", "cpu", "-tr", "nnUNetTrainerMeanTeacher"]) == 1
    assert "labeled_2 PET.nii.gz" in capsys.readouterr().err
