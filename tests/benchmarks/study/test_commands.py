"""The study's two commands: what they begin, what they go on with, and which patients they open."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.study import __main__ as study_command
from benchmarks.study import command, development, runner
from benchmarks.study.configs import config_read
from benchmarks.study.patients import label_maps_by_group
from benchmarks.study.rows import BY_NAME, Row
from benchmarks.study.study_size import SMALL
from nnunetv2_muduo.phantom.label_cohort import mapped_case
from nnunetv2_muduo.storage import read_json, write_json


@pytest.fixture
def call(tmp_path, monkeypatch):
    """A call of a command whose rows write a result instead of training; arguments of those begun, and files opened."""
    begun, opened, maps = [], [], tmp_path / "maps"
    maps.mkdir()
    for patient in range(260):
        (maps / f"fdg_{patient:04x}_study.nii.gz").touch()

    def write_cohort(files, folder, *_):
        opened.extend(files)
        return [folder / mapped_case(file).patient_name / "study" for file in files]

    def train(arguments, env, **_):
        told = {**json.loads(arguments[-1]), "env": env}
        begun.append(told)
        failed = told["row"]["name"] == "cps"
        if not failed:
            settings = {"group": told["group"], "size": told["size"]}
            settings["row"] = {key: value for key, value in told["row"].items() if key not in ("title", "after")}
            config = config_read(Row(**told["row"]), SMALL)
            costs = dict.fromkeys(("steps", "seconds", "tflop", "steps_before", "seconds_before", "tflop_before"), 1.0)
            keys = {
                "row": told["row"]["name"],
                "title": told["row"]["title"],
                "labels": told["labels"],
                "seed": told["seed"],
            }
            Path(told["result"]).parent.mkdir(parents=True, exist_ok=True)
            cases = {"a": {"liver": [0.5, 0.5, 1.0]}}
            write_json(
                {**keys, "settings": settings, "config": config, **costs, "cases": cases, "invented": {}},
                Path(told["result"]),
            )
        return subprocess.CompletedProcess(arguments, int(failed))

    def run(module, *options):
        del begun[:]
        monkeypatch.setattr(
            "sys.argv", ["study", *map(str, (tmp_path / "work", maps, "--out", tmp_path / "out", *options))]
        )
        return module.main()

    monkeypatch.setattr(command, "write_cohort_from_labels", write_cohort)
    monkeypatch.setattr(command, "find_organ_values", lambda files: opened.extend(files))
    monkeypatch.setattr(runner.subprocess, "run", train)
    run.begun, run.opened, run.maps, run.out = begun, opened, maps, tmp_path / "out"
    return run


def test_a_row_that_fails_stops_no_other_and_is_the_only_one_that_is_run_again(call):
    options = ("--rows", "supervised", "cps", "muduo", "--labeled", 5, "--seeds", 0, 1)
    assert call(study_command, *options, "--processes", 1) == 1
    assert [(one["row"]["name"], one["seed"]) for one in call.begun] == [
        (name, seed) for name in ("supervised", "cps", "muduo") for seed in (0, 1)
    ]
    assert call(study_command, *options) == 1
    assert {one["row"]["name"] for one in call.begun} == {"cps"}
    assert "| MuDuo" in (call.out / "reported" / "summary.md").read_text()


def test_no_row_begins_after_the_time(call, capsys):
    assert call(study_command, "--minutes", -1) == 0
    assert call.begun == []
    assert "No row is done yet." in capsys.readouterr().out


def test_development_never_opens_a_reported_patient_and_has_results_of_its_own(call):
    groups = label_maps_by_group(call.maps)
    call(development, "--seeds", 7)
    assert set(call.opened) == set(groups["development"])
    assert {one["group"]["name"] for one in call.begun} == {"development"}
    allowed = {mapped_case(file).patient_name for file in groups["development"]}
    assert {Path(study).parent.name for one in call.begun for study in one["studies"]} == allowed
    assert {path.name for path in call.out.iterdir()} == {"development"}
    del call.opened[:]
    call(study_command, "--rows", "supervised", "--labeled", 5, "--seeds", 0)
    assert set(call.opened) == set(groups["reported"])


def test_the_teachers_patients_are_opened_for_the_row_that_starts_with_them(call):
    groups = label_maps_by_group(call.maps)
    call(study_command, "--rows", "supervised", "teachers_patients", "--labeled", 5, "--seeds", 0, "--processes", 1)
    assert set(call.opened) == {*groups["reported"], *groups["teachers"]}
    told = {one["row"]["name"]: one["studies_of_teachers"] for one in call.begun}
    assert told["supervised"] == []
    theirs = {mapped_case(file).patient_name for file in groups["teachers"]}
    assert {Path(study).parent.name for study in told["teachers_patients"]} == theirs


def test_rows_of_a_file_come_after_supervised_and_muduo(call, tmp_path):
    (tmp_path / "rows.yaml").write_text("weight_1: {consistency_weight: 1.0}\n")
    call(development, "--rows", tmp_path / "rows.yaml", "--seeds", 7, "--processes", 1)
    assert [one["row"]["name"] for one in call.begun] == ["supervised", "muduo", "weight_1"]
    assert call.begun[-1]["row"]["overrides"] == {"consistency_weight": 1.0}


def test_a_process_is_told_all_that_a_row_is(call):
    call(study_command, "--rows", "ensemble", "all_labels", "--labeled", 5, "--seeds", 0, "--processes", 1)
    ensemble, all_labels = call.begun
    assert ensemble["row"] == json.loads(json.dumps(asdict(BY_NAME["ensemble"])))
    assert (ensemble["n_labeled"], all_labels["n_labeled"], all_labels["labels"]) == (5, 40, 5)
    assert ensemble["size"] == asdict(SMALL)
    assert ensemble["env"]["nnUNet_n_proc_DA"] == "0"
    assert len(read_json(call.out / "reported" / "05_labels" / "all_labels_seed0.json")["cases"]) == 1
    call(study_command, "--large", "--rows", "supervised", "--labeled", 5, "--seeds", 0)
    assert call.begun[0]["device"] == "cuda"
    assert {path.name for path in call.out.parent.glob("out*")} == {"out", "out_large"}
