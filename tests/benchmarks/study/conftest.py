"""Results made by hand, as rows leave them, and splits whose data set is the tests' tiny one."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.study.datasets import fit_student
from benchmarks.study.patients import Group
from benchmarks.study.split import PLANS, Split
from benchmarks.study.study_size import SMALL
from nnunetv2_muduo.trainers.requirements import Preparation

DICE = {"supervised": {"liver": 0.7, "brain": 0.5}, "muduo": {"liver": 0.68, "brain": 0.92}}
TITLES = {"supervised": "supervised, PET/CT", "muduo": "MuDuo"}


def result_of(row: str, seed: int, dice: dict[str, float], n_labeled: int = 5) -> dict:
    """Three cases with the same Dice of each organ."""
    costs = {
        "steps": 1000,
        "seconds": 60.0,
        "tflop": 1.5,
        "steps_before": 1000,
        "seconds_before": 120.0,
        "tflop_before": 0.5,
    }
    cases = {case: {organ: [value, 0.5, 24.0] for organ, value in dice.items()} for case in "abc"}
    keys = {"row": row, "title": TITLES.get(row, row), "labels": n_labeled, "seed": seed}
    return {**keys, **costs, "cases": cases, "invented": {}}


@pytest.fixture
def results():
    """Two seeds of two rows: MuDuo is 10 points better in the second, supervised is not."""
    return [
        result_of(row, seed, {organ: value + (0.1 if row == "muduo" and seed else 0) for organ, value in dice.items()})
        for row, dice in DICE.items()
        for seed in (0, 1)
    ]


class TinySplit(Split):
    """A split whose data set is that of the fixture `prepared_dataset`, below its folder."""

    @property
    def preprocessed(self) -> Path:
        return self.folder / "pre" / "Dataset001_Tiny"


@pytest.fixture
def split(prepared_dataset):
    size = replace(SMALL, n_features=4, n_iterations_per_epoch=2, n_shared_epochs=1, n_epochs=2)
    split = TinySplit(prepared_dataset, Group("tiny", 1, 1), size, n_labeled=4, seed=0)
    fit_student(split.preprocessed / f"{PLANS}.json", split)
    return split


@pytest.fixture
def without_generator(monkeypatch):
    """Trainers begin without a prompt generator and its maps, which would take a training."""
    monkeypatch.setattr("nnunetv2_muduo.trainers.prepare.prepare_on_first_rank", lambda _: None)
    monkeypatch.setattr("nnunetv2_muduo.trainers.semi_supervised.require_prompt_maps", lambda *_: None)
    monkeypatch.setattr(Preparation, "made_by", {"id": "0" * 32})
    monkeypatch.setattr("nnunetv2_muduo.trainers.organ_presence.log_presence", lambda _: None)
