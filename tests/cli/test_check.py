"""`muduo check` as a command: a good data set, warnings, and the fold."""

import re

import pytest
import SimpleITK as sitk
from support import DATASET

from nnunetv2_muduo.check.findings import OK, PROBLEM, WARNING
from nnunetv2_muduo.cli import main
from nnunetv2_muduo.cli.check import conclusion


def test_good_dataset_is_ready(dataset, check):
    exit_code, found = check()
    assert exit_code == 0
    assert not [line for status, line in found.values() if status == PROBLEM]
    assert "3 labeled, 2 val, 4 unlabeled, 0 test" in found["cases"][1]
    assert (
        found["doubles"][0]
        == found["patients"][0]
        == found["grids"][0]
        == found["values"][0]
        == found["labels"][0]
        == OK
    )
    assert "no label names in pairs" in found["left and right"][1]


def test_warnings_let_training_start(dataset, check):
    (dataset / "muduo_cases.json").unlink()
    (dataset.parents[1] / "pre" / DATASET / "splits_final.json").unlink()
    for path in dataset.glob("*/*labeled_0*"):
        sitk.WriteImage(sitk.Flip(sitk.ReadImage(str(path)), (True, False, False)), str(path))
    exit_code, found = check()
    assert exit_code == 0
    for subject, words in {
        "split": "will draw it",
        "patients": "leakage can't be excluded",
        "orientation": "several",
    }.items():
        assert found[subject][0] == WARNING
        assert words in found[subject][1]


def last_line(capsys, *arguments: str) -> str:
    main(["check", "-d", "1", *arguments])
    return capsys.readouterr().out.splitlines()[-1]


def test_ready_says_how_many_warnings_there_are(dataset, capsys):
    main(["check", "-d", "1"])
    *table, last = capsys.readouterr().out.splitlines()
    n_warnings = sum(line.startswith(WARNING) for line in table)
    assert n_warnings > 1  # small teachers, and no plans yet
    assert last == f"Ready to train, with {n_warnings} warnings: read above what to look at first."


def test_problems_are_counted_beside_warnings(dataset, capsys):
    (dataset / "imagesTr" / "labeled_0_0001.nii.gz").unlink()
    assert re.fullmatch(r"Not ready: [1-9]\d* problems? and [1-9]\d* warnings?, see above\.", last_line(capsys))


@pytest.mark.parametrize(
    ("n_problems", "n_warnings", "line"),
    [
        (0, 0, "Ready to train."),
        (0, 1, "Ready to train, with 1 warning: read above what to look at first."),
        (1, 0, "Not ready: 1 problem, see above."),
        (3, 2, "Not ready: 3 problems and 2 warnings, see above."),
    ],
)
def test_the_last_line(n_problems, n_warnings, line):
    assert conclusion(n_problems, n_warnings) == line


def test_fold_all_trains_and_validates_on_every_labeled_case(dataset, check):
    exit_code, found = check("-f", "all")
    assert exit_code == 0
    assert "fold all: 5 train, 5 val; 5 cases are in both" in found["split"][1]
    assert found["doubles"][0] == found["patients"][0] == OK
    with pytest.raises(SystemExit):
        check("-f", "every")
