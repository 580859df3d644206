"""The study's command: what it begins, what it goes on with, and what it says."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.study import label_efficiency, runner
from benchmarks.study.experiments import STUDY
from benchmarks.study.split import Split
from benchmarks.study.study_size import SMALL, StudySize


@pytest.fixture
def study(tmp_path, monkeypatch, measured):
    """A call of the command, whose experiments write a table instead of training; (seed, experiment, workers) of those begun."""
    begun = []

    def make_dataset(split, _):
        if split.seed == 1:
            raise subprocess.CalledProcessError(1, "nnUNetv2_plan_and_preprocess")

    def train(command, env, **_):
        arguments = json.loads(command[-1])
        begun.append((arguments["seed"], arguments["experiment"], env.get("nnUNet_n_proc_DA")))
        split = Split(Path(arguments["folder"]), StudySize(**arguments["size"]), 5, arguments["seed"])
        path = split.result_file(arguments["experiment"])
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame([measured(arguments["experiment"], arguments["seed"], "a", "liver", 0.7)]).to_csv(
            path, index=False
        )
        return subprocess.CompletedProcess(command, 0)

    def call(*options):
        options = (tmp_path / "work", "--out", tmp_path / "out", "--labeled", "5", *options)
        monkeypatch.setattr("sys.argv", ["label_efficiency", *map(str, options)])
        return label_efficiency.main()

    monkeypatch.setattr(runner, "make_dataset", make_dataset)
    monkeypatch.setattr(label_efficiency, "make_cohort", lambda args, _: args.folder)
    monkeypatch.setattr(label_efficiency, "studies", lambda _: [])
    monkeypatch.setattr(runner.subprocess, "run", train)
    return call, begun


def test_a_split_that_fails_stops_no_other_and_experiments_are_not_run_twice(study, capsys):
    call, begun = study
    assert call("--seeds", "0", "1", "--processes", "1") == 1
    assert begun == [(0, experiment.name, "0") for experiment in STUDY]
    assert "seed 1: FAILED" in capsys.readouterr().out
    assert call("--seeds", "0") == 0
    assert len(begun) == len(STUDY)


def test_a_folder_is_of_one_size(study, tmp_path):
    call, _ = study
    call("--seeds", "0")
    with pytest.raises(SystemExit, match="holds a study of another size"):
        call("--large")
    assert call("--seeds", "0") == 0
    assert json.loads((tmp_path / "work" / "scale.json").read_text()) == asdict(SMALL)


def test_large_takes_a_gpu_one_experiment_at_a_time_with_nnunets_own_workers(study):
    call, begun = study
    call("--seeds", "0", "--large")
    assert begun == [(0, experiment.name, None) for experiment in STUDY]


def test_nothing_finished_is_said(study):
    call, _ = study
    with pytest.raises(SystemExit, match=r"No row is finished.*logs"):
        call("--seeds", "1")
