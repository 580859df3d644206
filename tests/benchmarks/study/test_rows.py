"""Rows name what there is: trainers, config fields and one another."""

from pathlib import Path

import pytest

from benchmarks.study import controls, rows
from benchmarks.study.rows import ALL, BY_NAME, CHOICES, CONTROL, STUDY, chosen, read_rows
from benchmarks.study.study_size import SMALL
from nnunetv2_muduo import trainers

FIELDS_OF_THE_STUDY = set(SMALL.config()) | {"num_epochs"}
OF_FILES = [row for name in ("steps.yaml", "rivals.yaml") for row in read_rows(Path(rows.__file__).with_name(name))]


@pytest.mark.parametrize(
    "row", {row.name: row for row in (*STUDY, *CHOICES, *OF_FILES)}.values(), ids=lambda row: row.name
)
def test_rows_name_trainers_and_fields_that_these_read(row):
    if row.ensemble_of:
        assert all(not BY_NAME[name].ensemble_of for name in row.ensemble_of)
        return
    trainer = getattr(controls if row.trainer.startswith(CONTROL) else trainers, row.trainer)
    own = {key: value for key, value in row.config(SMALL).items() if key in trainer.config_class().to_dict()}
    assert row.overrides.keys() <= own.keys()
    trainer.config_class(**own)
    if row.start in ("pet", "ct"):
        assert row.overrides["student_channels"] == row.start


def test_only_rows_without_a_trainer_are_left_out():
    assert len(BY_NAME) == len(STUDY)
    missing = {row.trainer for row in ALL if row not in STUDY}
    assert missing <= {"nnUNetTrainerCFR"}
    assert not any(hasattr(trainers, name) for name in missing)


def test_rows_train_as_long_as_one_another_but_for_two_that_say_so():
    epochs = {row.name: row.config(SMALL)["num_epochs"] for row in STUDY}
    assert {epochs[row.name] for row in STUDY if row.start == "scratch"} == {50}
    others = {name: n for name, n in epochs.items() if BY_NAME[name].start != "scratch"}
    assert {name for name, n in others.items() if n != 25} == {"twice", "equal_time"}
    assert others["twice"] == 50


def test_rows_of_a_file(tmp_path):
    file = tmp_path / "rows.yaml"
    file.write_text("weight_1: {consistency_weight: 1.0}\nmt: {trainer: nnUNetTrainerMeanTeacher, ema_decay: 0.9}\n")
    weight, mean_teacher = read_rows(file)
    assert (weight.trainer, weight.config(SMALL)["consistency_weight"], weight.observed) == (
        "nnUNetTrainerMuDuo",
        1.0,
        True,
    )
    assert (mean_teacher.trainer, mean_teacher.overrides, mean_teacher.observed) == (
        "nnUNetTrainerMeanTeacher", {"ema_decay": 0.9}, False,
    )  # fmt: skip
    assert (weight.title, mean_teacher.title) == ("consistency_weight 1.0", "mt: ema_decay 0.9")
    file.write_text("a: {trainer: nnUNetTrainerCPS, consistency_weight: 1}\nb: {after: a, num_epochs: 3}\n")
    first, second = read_rows(file)
    assert (second.trainer, second.overrides, second.after) == (
        "nnUNetTrainerCPS", {"consistency_weight": 1, "num_epochs": 3}, "a",
    )  # fmt: skip
    assert (first.after, second.title) == ("", "a, and num_epochs 3")
    file.write_text("b: {after: a}\n")
    with pytest.raises(ValueError, match=r"rows.yaml: b stands after a, which is no row above it"):
        read_rows(file)
    file.write_text("- weight_1\n")
    with pytest.raises(ValueError, match=r"rows.yaml must hold a mapping of row names to config fields"):
        read_rows(file)


def test_rows_are_chosen_in_the_order_given():
    assert [row.name for row in chosen(["muduo", "cps"])] == ["muduo", "cps"]
    assert chosen(None) == STUDY
