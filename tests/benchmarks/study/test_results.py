"""Results: what a file holds, and when a row counts as done."""

from dataclasses import dataclass, replace

import pandas as pd
import pytest

from benchmarks.study import results
from benchmarks.study.configs import config_read, trainer_class
from benchmarks.study.patients import DEVELOPMENT, REPORTED
from benchmarks.study.rows import BY_NAME, MUDUO, STUDY, SUPERVISED
from benchmarks.study.study_size import SMALL, StudySize
from nnunetv2_muduo.config import MuDuoConfig, load_config
from nnunetv2_muduo.storage import read_json
from nnunetv2_muduo.teachers.weights import teacher_digest
from nnunetv2_muduo.trainers import nnUNetTrainerMuDuo


def written(file, row, **others):
    """A result as a row leaves it, as far as it decides whether the row is done."""
    entries = {"settings": results.settings_of(REPORTED, SMALL, row), "config": config_read(row, SMALL), **others}
    results.write_result(entries, file)


def test_a_row_is_done_where_its_settings_are_the_same(tmp_path):
    file = results.result_file(tmp_path, REPORTED, 5, 0, MUDUO)
    assert not results.is_done(file, REPORTED, SMALL, MUDUO)
    written(file, MUDUO, cases={"a": {"liver": [0.5, 0.5, None]}}, pseudo_labels=[{}])
    assert results.is_done(file, REPORTED, SMALL, MUDUO)
    assert results.is_done(file, REPORTED, SMALL, replace(MUDUO, title="another title"))
    for group, size, row in (
        (DEVELOPMENT, SMALL, MUDUO),
        (REPORTED, replace(SMALL, n_epochs=24), MUDUO),
        (REPORTED, SMALL, replace(MUDUO, overrides={"n_points": 1})),
    ):
        assert not results.is_done(file, group, size, row)


@pytest.mark.parametrize("row", STUDY, ids=lambda row: row.name)
def test_what_a_training_leaves_is_done(tmp_path, row):
    """Also where the trainer has its own value for a field of the size, as mild augmentation has."""
    if row.ensemble_of:
        config = {name: resolved(BY_NAME[name]) for name in row.ensemble_of}
    else:
        config = resolved(row)
    written(tmp_path / "row.json", row, config=config)
    assert results.is_done(tmp_path / "row.json", REPORTED, SMALL, row)


def resolved(row):
    """The whole config of a row's training, by the trainer's own way."""
    trainer = trainer_class(row)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnunetv2_muduo.config._read_file", lambda: row.config(SMALL))
        return load_config(trainer.config_overrides, trainer.config_class).to_dict()


def test_a_row_is_done_where_what_its_method_reads_is_the_same(tmp_path, monkeypatch):
    names = ("cfr", "supervised", "ensemble", "muduo")
    for name in names:
        written(tmp_path / f"{name}.json", BY_NAME[name])

    def done():
        return {name: results.is_done(tmp_path / f"{name}.json", REPORTED, SMALL, BY_NAME[name]) for name in names}

    assert all(done().values())
    own = StudySize.config
    monkeypatch.setattr(StudySize, "config", lambda self: {**own(self), "sam_iterations": 7})
    assert [name for name, is_done in done().items() if not is_done] == ["cfr"]
    monkeypatch.setattr(StudySize, "config", lambda self: {**own(self), "optimizer": "sgd"})
    assert not any(done().values())


def test_a_row_under_another_default_is_not_done(tmp_path, monkeypatch):
    for row in (MUDUO, SUPERVISED):
        written(tmp_path / f"{row.name}.json", row)
    with_memory = dataclass(frozen=True)(
        type("Newer", (MuDuoConfig,), {"__annotations__": {"kept_pairs": str}, "kept_pairs": "best_half_of_memory"})
    )
    monkeypatch.setattr(nnUNetTrainerMuDuo, "config_class", with_memory)
    done = [results.is_done(tmp_path / f"{row.name}.json", REPORTED, SMALL, row) for row in (MUDUO, SUPERVISED)]
    assert done == [False, True], "supervised training chooses no pairs"


def test_a_row_of_other_teachers_is_not_done(tmp_path):
    digest = teacher_digest("small_ct")
    written(tmp_path / "muduo.json", MUDUO, teachers={"ct": digest})
    assert results.is_done(tmp_path / "muduo.json", REPORTED, SMALL, MUDUO)
    written(tmp_path / "muduo.json", MUDUO, teachers={"ct": digest, "pet": "0" * 64})
    assert not results.is_done(tmp_path / "muduo.json", REPORTED, SMALL, MUDUO)


def test_groups_have_folders_of_their_own(tmp_path):
    assert results.result_file(tmp_path, DEVELOPMENT, 5, 0, MUDUO).parts[-3] == "development"
    results.write_result({"row": "muduo"}, results.result_file(tmp_path, DEVELOPMENT, 5, 0, MUDUO))
    assert results.read_results(tmp_path, REPORTED) == []
    assert results.read_results(tmp_path, DEVELOPMENT) == [{"row": "muduo"}]


def test_organs_that_are_not_there_are_counted_where_they_were_seen(tmp_path):
    columns = ["case", "organ", "dice", "nsd_voxel", "hd95_mm", "volume_truth_ml", "false_positive"]
    table = pd.DataFrame(
        [
            ["a", "liver", 0.81234567, 0.5, 12.0, 10.0, 0],
            ["a", "prostate", 0.0, 0.0, float("nan"), 0.0, 1],
            ["b", "liver", 0.0, 0.0, float("nan"), 9.0, 0],
            ["b", "prostate", float("nan"), float("nan"), float("nan"), 0.0, 0],
        ],
        columns=columns,
    )
    measured = results.measured_cases(table)
    assert measured["cases"] == {"a": {"liver": [0.8123, 0.5, 12.0]}, "b": {"liver": [0.0, 0.0, None]}}
    assert measured["invented"] == {"prostate": 1}
    file = results.result_file(tmp_path, REPORTED, 5, 3, SUPERVISED)
    results.write_result({"row": "supervised", "labels": 5, "seed": 3, **measured}, file)
    assert read_json(file)["cases"] == measured["cases"]
    lines = results.measures_table(results.read_results(tmp_path, REPORTED))
    assert lines[["labels", "row", "seed", "case", "organ", "dice"]].values.tolist() == [
        [5, "supervised", 3, "a", "liver", 0.8123],
        [5, "supervised", 3, "b", "liver", 0.0],
    ]
    assert lines["hd95_mm"].isna().tolist() == [False, True]
