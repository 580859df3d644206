"""Groups of patients that never mix: those the teachers learned on, those for choices, and those for the reported figures.

Of the 120 patients that the small teachers never saw, in a drawn order, development gets the first 46. Among these are all test
cases of the former studies (`benchmarks/results/label_efficiency` and others), on which defaults had been chosen; the 34 patients
that no former study used stand at the order's end: they are the reported test and validation cases.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.small_teachers.label_cohorts import split_patients
from nnunetv2_muduo.phantom.label_cohort import mapped_case

ORDER_SEED = 0
N_DEVELOPMENT = 46


@dataclass(frozen=True)
class Group:
    """A group's numbers of validation and test cases; the others are for training, most of them without labels."""

    name: str
    n_val: int
    n_test: int


DEVELOPMENT = Group("development", n_val=2, n_test=14)
REPORTED = Group("reported", n_val=2, n_test=32)
TEACHERS = Group("teachers", n_val=2, n_test=0)
"""Whose labels the small teachers learned: for the row that uses them otherwise."""


def label_maps_by_group(label_folder: Path) -> dict[str, list[Path]]:
    """Label maps by group, in the drawn order: of `teachers`, `development` and `reported`.

    Raises:
        ValueError: the folder holds too few patients.
    """
    teachers, study = split_patients(label_folder)
    by_name = sorted(study, key=lambda file: mapped_case(file).patient_name)
    order = np.random.default_rng(ORDER_SEED).permutation(len(by_name))
    drawn = [by_name[index] for index in order]
    return {TEACHERS.name: teachers, DEVELOPMENT.name: drawn[:N_DEVELOPMENT], REPORTED.name: drawn[N_DEVELOPMENT:]}


def draw_members(studies: list[Path], group: Group, n_labeled: int, seed: int) -> dict[str, dict[str, Path]]:
    """Studies of a group by nnU-Net's case name, for train, unlabeled, val and test.

    Test and validation cases are the last of the order, whatever the seed, which draws the labeled ones: the first 5 of a
    seed are among its first 10.

    Raises:
        ValueError: there are not as many cases for training.
    """
    n_train = len(studies) - group.n_val - group.n_test
    if n_labeled > n_train:
        raise ValueError(f"{n_labeled} labeled cases are asked for, {group.name} has {n_train} for training.")
    pool = np.random.default_rng([ORDER_SEED, seed]).permutation(n_train)
    parts = {
        "train": pool[:n_labeled],
        "unlabeled": pool[n_labeled:],
        "val": range(n_train, n_train + group.n_val),
        "test": range(n_train + group.n_val, len(studies)),
    }
    return {kind: {f"study_{index:03d}": studies[index] for index in sorted(part)} for kind, part in parts.items()}
