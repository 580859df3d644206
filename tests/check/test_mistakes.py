"""Every mistake in what a training is given: a problem with what to do, never "Ready to train", never a traceback."""

import json
import shutil
from pathlib import Path

import pytest
from fixtures.check import change_json
from support import DATASET

from nnunetv2_muduo.check.findings import PROBLEM
from nnunetv2_muduo.cli import main


def preprocessed(dataset: Path) -> Path:
    return dataset.parents[1] / "pre" / DATASET


def without(path: Path, field: str) -> None:
    content = json.loads(path.read_text())
    del content[field]
    path.write_text(json.dumps(content))


def change_plans(dataset: Path, **values) -> None:
    path = preprocessed(dataset) / "nnUNetPlans.json"
    plans = json.loads(path.read_text())
    plans["configurations"]["3d_fullres"] |= values
    path.write_text(json.dumps(plans))


DESCRIPTION = {  # what is in dataset.json: words of the problem
    "[]": "dataset.json must be an object",
    '"text"': "dataset.json must be an object",
    "null": "dataset.json must be an object",
    "3": "dataset.json must be an object",
    "": "dataset.json is no valid JSON",
    '{"labels": {"a": 1},}': "line 1, column",
    "{'labels': 1}": "dataset.json is no valid JSON",
    '{"labels": {"a": 1},\n"labels": {"b": 1}}': "dataset.json: 'labels' stands twice, in line 1 and in line 2",
    '{"labels": {"a": 1, "a": 2}}': "dataset.json: 'a' stands twice, in line 1 and in line 1",
}
FIELDS = [  # a field of dataset.json, its value, words of the problem
    ("labels", None, "'labels'"),
    ("labels", [], "'labels'"),
    ("labels", {}, "'labels'"),
    ("labels", "liver", "'labels'"),
    ("labels", {"background": 0, "liver": "1"}, "'liver' has \"1\""),
    ("labels", {"background": 0, "liver": 1.5}, "'liver' has 1.5"),
    ("labels", {"background": 0, "liver": True}, "'liver' has true"),
    ("labels", {"background": 0, "liver": []}, "'liver' has []"),
    ("labels", {"background": 0, "liver": {"value": 1}}, "'liver'"),
    ("labels", {"0": "background", "1": "liver"}, "'0' has \"background\""),
    (
        "labels",
        {"background": 0, "whole": [1, 2], "spleen": 2},
        "region-based labels are not supported (whole: [1, 2])",
    ),
    ("labels", {"background": 0, "whole": [1], "spleen": 2}, "region-based labels are not supported (whole: [1])"),
    ("labels", {"background": 0, "liver": 1, "spleen": 2, "lung": 4}, "without gaps"),
    ("file_ending", None, "'file_ending'"),
    ("file_ending", 3, "'file_ending'"),
    ("file_ending", "", "'file_ending'"),
    ("file_ending", "nii.gz", "'file_ending'"),
    ("channel_names", None, "'channel_names'"),
    ("channel_names", [], "'channel_names'"),
    ("channel_names", ["CT", "PET"], "'channel_names'"),
    ("channel_names", {}, "'channel_names'"),
    ("channel_names", {"0": 1, "1": 2}, "'channel_names'"),
    ("channel_names", {"CT": "0", "PET": "1"}, "'channel_names'"),
    ("channel_names", {"1": "CT", "2": "PET"}, "'channel_names'"),
    ("numTraining", "five", "imagesTr holds 5"),
    ("numTraining", None, "imagesTr holds 5"),
]
SPLITS = {
    "{}": "must be a list",
    "3": "must be a list",
    "[]": "holds no fold",
    "[1]": "fold 0 must be",
    "[null]": "fold 0 must be",
    '[{"train": ["labeled_0"]}]': "fold 0 must be",
    '[{"val": ["labeled_0"]}]': "fold 0 must be",
    '[{"train": "labeled_0", "val": ["labeled_1"]}]': "fold 0 must be",
    '[{"train": {"labeled_0": 1}, "val": ["labeled_1"]}]': "fold 0 must be",
    '[{"train": [0, 1], "val": [2]}]': "fold 0 must be",
    '[{"train": [["labeled_0"]], "val": ["labeled_1"]}]': "fold 0 must be",
    '[{"train": [], "val": ["labeled_1"]}]': "no train case",
    '[{"train": ["labeled_1"], "val": []}]': "no val case",
    "": "splits_final.json is no valid JSON",
    "[{": "splits_final.json is no valid JSON",
    '[{"train": ["labeled_0"], "val": ["labeled_1"], "val": ["labeled_2"]}]': "splits_final.json: 'val' stands twice",
}
PLANS = {
    "[]": "nnUNetPlans.json must be an object",
    "": "nnUNetPlans.json is no valid JSON",
    "{}": "has no 'configurations'",
    '{"configurations": []}': "'configurations'",
    '{"configurations": {"3d_fullres": {}, "3d_fullres": {}}}': "nnUNetPlans.json: '3d_fullres' stands twice",
    '{"configurations": {"3d_fullres": 3}}': "'3d_fullres'",
    '{"configurations": {}}': "no 3d_fullres in them",
    '{"configurations": {"3d_fullres": {}}}': "has no patch_size",
    '{"configurations": {"3d_fullres": {"inherits_from": "nope"}}}': "nope",
    '{"configurations": {"3d_fullres": {"inherits_from": "3d_fullres"}}}': "3d_fullres",
}
UNITS = "has teachers, which need HU and SUV, but the plans normalize the channels with"
SETTINGS = {  # settings of the configuration, or what else is changed: words of the problem
    "2d": (lambda d: change_plans(d, patch_size=[64, 64]), "is for 3d configurations"),
    "cascade": (lambda d: change_plans(d, previous_stage="3d_lowres"), "does not support cascades"),
    "mask": (lambda d: change_plans(d, use_mask_for_norm=[True, True]), f"MuDuo {UNITS}"),
    "other schemes": (
        lambda d: change_plans(d, normalization_schemes=["CTNormalization", "RescaleTo01Normalization"]),
        f"MuDuo {UNITS}",
    ),
    "no schemes": (lambda d: change_plans(d, normalization_schemes=[]), "nnUNetPlans.json has another shape"),
    "no plans": (lambda d: (preprocessed(d) / "nnUNetPlans.json").unlink(), "nnUNetv2_plan_and_preprocess -d 001"),
    "no preprocessed folder": (lambda d: shutil.rmtree(preprocessed(d)), "nnUNetv2_plan_and_preprocess -d 001"),
    "planned alone": (
        lambda d: shutil.rmtree(preprocessed(d) / "nnUNetPlans_3d_fullres"),
        "5 labeled cases are not in",
    ),
    "a case not preprocessed": (
        lambda d: (preprocessed(d) / "nnUNetPlans_3d_fullres" / "labeled_3.b2nd").unlink(),
        "1 labeled cases are not in",
    ),
    "no labels": (lambda d: without(d / "dataset.json", "labels"), "has no 'labels'"),
    "no ending": (lambda d: without(d / "dataset.json", "file_ending"), "has no 'file_ending'"),
    "no channels": (lambda d: without(d / "dataset.json", "channel_names"), "has no 'channel_names'"),
    "no dataset.json": (lambda d: (d / "dataset.json").unlink(), "dataset.json is missing"),
    "dataset.json is a folder": (
        lambda d: ((d / "dataset.json").unlink(), (d / "dataset.json").mkdir()),
        "dataset.json is missing",
    ),
    "record": (lambda d: (d / "muduo_cases.json").write_text('{"cases": {"labeled_0": 3}}'), "muduo_cases.json"),
    "record is a list": (lambda d: (d / "muduo_cases.json").write_text("[]"), "muduo_cases.json must be an object"),
    "no data set": (shutil.rmtree, "Dataset001_Tiny"),
}
ARGUMENTS = {  # arguments: words of the problem
    ("-c", "2d"): "no 2d in them, but 3d_fullres",
    ("-c", "nope"): "no nope in them, but 3d_fullres",
    ("-c", ""): "but 3d_fullres",
    ("-p", "nope"): "name one of nnUNetPlans with -p",
    ("-f", "7"): "use fold 0 or all",
    ("-d", "999"): "999",
    ("-d", "Dataset999_Nothing"): "Dataset999_Nothing is no folder",
    ("-d", "nonsense"): "nonsense",
    ("-tr", "nnUNetTrainerNOPE"): "nnU-Net doesn't find nnUNetTrainerNOPE",
    ("-tr", "nnUNetTrainer"): "not of this package",
}


def assert_a_problem(capsys, words: str, *arguments: str) -> None:
    """The check names the problem in one of its rows, once, and does not call the training ready."""
    assert main(["check", "-d", "1", *arguments]) == 1
    printed = capsys.readouterr().out
    problems = [line for line in printed.splitlines() if line.startswith(PROBLEM)]
    assert any(words in line for line in problems), printed
    assert len(problems) == len({line.split(None, 1)[1].split("  ", 1)[-1] for line in problems})
    assert "Ready to train" not in printed
    assert "fault of this package" not in printed
    assert printed.splitlines()[-1].startswith("Not ready: ")


@pytest.mark.parametrize(("content", "words"), DESCRIPTION.items())
def test_a_description_of_another_shape(dataset, capsys, content, words):
    (dataset / "dataset.json").write_text(content)
    assert_a_problem(capsys, words)


@pytest.mark.parametrize(("field", "value", "words"), FIELDS, ids=str)
def test_a_field_of_another_shape(dataset, capsys, field, value, words):
    change_json(dataset / "dataset.json", **{field: value})
    assert_a_problem(capsys, words)


@pytest.mark.parametrize(("content", "words"), SPLITS.items())
def test_splits_of_another_shape(dataset, capsys, content, words):
    (preprocessed(dataset) / "splits_final.json").write_text(content)
    assert_a_problem(capsys, words)


@pytest.mark.parametrize(("content", "words"), PLANS.items())
def test_plans_of_another_shape(dataset, capsys, content, words):
    (preprocessed(dataset) / "nnUNetPlans.json").write_text(content)
    assert_a_problem(capsys, words)


@pytest.mark.parametrize("content", [*DESCRIPTION, '{"labels": {"background": 0}, "file_ending": 3}'])
def test_a_preprocessed_description_of_another_shape(dataset, capsys, content):
    (preprocessed(dataset) / "dataset.json").write_text(content)
    assert_a_problem(capsys, f"{preprocessed(dataset) / 'dataset.json'}")


@pytest.mark.parametrize(("damage", "words"), SETTINGS.values(), ids=SETTINGS)
def test_what_is_missing_or_can_not_be_trained(dataset, capsys, damage, words):
    damage(dataset)
    assert_a_problem(capsys, words)


@pytest.mark.parametrize(("arguments", "words"), ARGUMENTS.items(), ids=str)
def test_wrong_arguments(dataset, capsys, arguments, words):
    assert_a_problem(capsys, words, *arguments)


@pytest.mark.parametrize("fold", ["-1", "x", "1.5", ""])
def test_what_is_no_fold_is_refused_by_the_parser(dataset, capsys, fold):
    with pytest.raises(SystemExit) as refused:
        main(["check", "-d", "1", "-f", fold])
    assert refused.value.code == 2
    assert "give a number from 0, or all" in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"])
def test_a_variable_that_is_not_set(dataset, capsys, monkeypatch, variable):
    monkeypatch.delenv(variable)
    assert_a_problem(capsys, f"export {variable}=/path")


def test_results_that_can_have_no_place(dataset, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "file" / "results"))
    assert_a_problem(capsys, f"{tmp_path / 'file'} is a file")


def test_a_raw_folder_that_is_none(dataset, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "nowhere"))
    assert_a_problem(capsys, "nowhere, which is no folder")


def test_a_fault_in_one_check_is_a_problem_and_leaves_the_others(dataset, check, monkeypatch):
    def fail(*arguments):
        raise KeyError("x")

    monkeypatch.setattr("nnunetv2_muduo.check.dataset.check_patients", fail)
    exit_code, found = check()
    assert exit_code == 1
    assert found["patients"][0] == PROBLEM
    assert "KeyError" in found["patients"][1]
    assert "please report it" in found["patients"][1]
    assert "disk" in found


def test_findings_for_other_programs(dataset, capsys):
    (dataset / "imagesTr" / "labeled_0_0001.nii.gz").unlink()
    assert main(["check", "-d", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert main(["check", "-d", "1", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ready"] is False
    assert told["conclusion"] == lines[-1]
    assert [one["status"] for one in told["findings"]] == [line[:7].strip() for line in lines[:-2]]
    assert "labeled_0_0001" in next(one["found"] for one in told["findings"] if one["subject"] == "files")


def test_a_training_that_is_ready_for_other_programs(dataset, capsys):
    assert main(["check", "-d", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ready"] is True


def test_a_mask_does_not_matter_without_teachers(dataset, capsys):
    change_plans(dataset, use_mask_for_norm=[True, True])
    main(["check", "-d", "1", "-tr", "nnUNetTrainerMeanTeacher"])
    assert UNITS not in capsys.readouterr().out
