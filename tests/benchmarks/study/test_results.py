"""Results: what a file holds, and when a row counts as done."""

from dataclasses import replace

import pandas as pd

from benchmarks.study import results
from benchmarks.study.patients import DEVELOPMENT, REPORTED
from benchmarks.study.rows import BY_NAME, MUDUO, SUPERVISED
from benchmarks.study.study_size import SMALL, StudySize
from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.storage import read_json
from nnunetv2_muduo.teachers.weights import teacher_digest
from nnunetv2_muduo.trainers.cfr import CFRConfig


def test_a_row_is_done_where_its_settings_are_the_same(tmp_path):
    file = results.result_file(tmp_path, REPORTED, 5, 0, MUDUO)
    settings = results.settings_of(REPORTED, SMALL, MUDUO)
    assert not results.is_done(file, REPORTED, SMALL, MUDUO)
    results.write_result(
        {"settings": settings, "cases": {"a": {"liver": [0.5, 0.5, None]}}, "pseudo_labels": [{}]}, file
    )
    assert results.is_done(file, REPORTED, SMALL, MUDUO)
    assert results.is_done(file, REPORTED, SMALL, replace(MUDUO, title="another title"))
    for group, size, row in (
        (DEVELOPMENT, SMALL, MUDUO),
        (REPORTED, replace(SMALL, n_epochs=24), MUDUO),
        (REPORTED, SMALL, replace(MUDUO, overrides={"n_points": 1})),
    ):
        assert not results.is_done(file, group, size, row)


def test_a_row_is_done_where_what_its_method_reads_of_the_sizes_config_is_the_same(tmp_path, monkeypatch):
    rows = [BY_NAME["cfr"], SUPERVISED]
    for row, config_class in zip(rows, (CFRConfig, MuDuoConfig), strict=True):
        read = {key: value for key, value in row.config(SMALL).items() if key in config_class().to_dict()}
        entries = {"settings": results.settings_of(REPORTED, SMALL, row), "config": config_class(**read).to_dict()}
        results.write_result(entries, tmp_path / f"{row.name}.json")
        assert results.is_done(tmp_path / f"{row.name}.json", REPORTED, SMALL, row)
    own = StudySize.config
    monkeypatch.setattr(StudySize, "config", lambda self: {**own(self), "sam_iterations": 7})
    done = [results.is_done(tmp_path / f"{row.name}.json", REPORTED, SMALL, row) for row in rows]
    assert done == [False, True], "supervised training has no SAM"


def test_a_row_of_other_teachers_is_not_done(tmp_path):
    file, settings = tmp_path / "muduo.json", results.settings_of(REPORTED, SMALL, MUDUO)
    digest = teacher_digest("small_ct")
    results.write_result({"settings": settings, "teachers": {"ct": digest}}, file)
    assert results.is_done(file, REPORTED, SMALL, MUDUO)
    results.write_result({"settings": settings, "teachers": {"ct": digest, "pet": "0" * 64}}, file)
    assert not results.is_done(file, REPORTED, SMALL, MUDUO)


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
