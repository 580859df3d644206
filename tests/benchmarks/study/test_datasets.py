"""The study's data sets: who is in which set, and what an unlabeled case must not bring along."""

import json

import pytest

from benchmarks.study.datasets import draw_members, studies, unlabeled_truth, write_raw
from benchmarks.study.split import Split
from benchmarks.study.study_size import SMALL

N_PATIENTS = 90


@pytest.fixture
def cohort(tmp_path):
    for patient in range(N_PATIENTS):
        for study in range(1 + patient % 2):
            folder = tmp_path / "cohort" / f"patient_{patient:02d}" / f"study_{study}"
            folder.mkdir(parents=True)
            for file in ("CTres.nii.gz", "SUV.nii.gz", "SEG.nii.gz"):
                (folder / file).write_text(f"{patient} {study} {file}")
    (tmp_path / "cohort" / "labels.json").write_text(json.dumps({"background": 0, "liver": 1}))
    return tmp_path / "cohort"


def members(cohort, n_labeled, seed):
    return draw_members(studies(cohort), Split(cohort, SMALL, n_labeled, seed))


def test_a_patient_stands_in_one_set_with_one_study(cohort):
    drawn = [study.parent for cases in members(cohort, 5, 0).values() for study in cases.values()]
    assert len(drawn) == len(set(drawn)) == SMALL.n_test + SMALL.n_val + SMALL.n_train


def test_test_cases_stay_and_labeled_ones_are_nested(cohort):
    few, many, other = members(cohort, 5, 0), members(cohort, 10, 0), members(cohort, 5, 1)
    assert few["test"] == many["test"] == other["test"]
    assert len(few["test"]) == SMALL.n_test
    assert few["train"].items() < many["train"].items()
    assert few["train"] != other["train"]
    assert few["train"].keys() | few["unlabeled"].keys() == other["train"].keys() | other["unlabeled"].keys()


def test_no_label_file_of_an_unlabeled_case_is_in_the_data_set(cohort, tmp_path):
    split = Split(tmp_path / "work", SMALL, 5, 0)
    write_raw(split, cohort)
    drawn = members(cohort, 5, 0)
    labeled = {path.name.removesuffix(".nii.gz") for path in (split.raw / "labelsTr").iterdir()}
    assert labeled == drawn["train"].keys() | drawn["val"].keys()
    everywhere = {path.read_text() for path in split.raw.rglob("*.nii.gz")}
    hidden = {path.read_text() for path in unlabeled_truth(split, cohort).values()}
    assert len(hidden) == SMALL.n_train - 5
    assert not hidden & everywhere
    for case, study in drawn["unlabeled"].items():
        assert (split.raw / "imagesUn" / f"{case}_0001.nii.gz").samefile(study / "SUV.nii.gz")
