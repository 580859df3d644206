"""The split: labels that no fold trains with, and folds that it does not have."""

import json

import pytest
from fixtures.check import change_json, write_split
from support import DATASET

from nnunetv2_muduo.check.findings import OK, PROBLEM, WARNING


def test_labels_that_came_later_are_in_no_fold(dataset, check, tmp_path):
    assert check()[1]["split"][0] == OK
    write_split(tmp_path, ["labeled_0", "labeled_2"], ["labeled_4"])
    exit_code, found = check()
    assert exit_code == 0
    status, line = found["split"]
    assert status == WARNING
    assert "2 labeled cases are in no fold: labeled_1, labeled_3" in line
    assert check("-f", "all")[1]["split"][0] == WARNING  # all cases train and validate
    assert "in no fold" not in check("-f", "all")[1]["split"][1]


def test_a_case_of_another_fold_is_used(dataset, check, tmp_path):
    path = tmp_path / "pre" / DATASET / "splits_final.json"
    cases = [f"labeled_{i}" for i in range(5)]
    path.write_text(json.dumps([{"train": cases[:2], "val": cases[2:3]}, {"train": cases[2:], "val": cases[:1]}]))
    assert check()[1]["split"][0] == OK


@pytest.mark.parametrize("fold", ["1", "4", "7"])
def test_a_fold_beyond_the_split(dataset, check, fold):
    exit_code, found = check("-f", fold)
    assert exit_code == 1
    assert found["split"][0] == PROBLEM
    assert "The split has 1 fold (5 labeled cases): use fold 0 or all." in found["split"][1]


@pytest.mark.parametrize(("fold", "status"), [("0", WARNING), ("4", WARNING), ("5", PROBLEM)])
def test_before_the_split_is_drawn(dataset, check, tmp_path, fold, status):
    (tmp_path / "pre" / DATASET / "splits_final.json").unlink()
    assert check("-f", fold)[1]["split"][0] == status


def test_labels_with_gaps(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "liver": 1, "spleen": 2, "tumor": 5})
    exit_code, found = check()
    assert exit_code == 1
    assert "without gaps, found 0, 1, 2, 5" in found["labels"][1]
