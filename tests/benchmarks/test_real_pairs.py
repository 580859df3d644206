"""Real pairs: who is in which group, whose teacher a row has, and what stands in the table."""

import re

import pytest

from benchmarks import real_pairs
from benchmarks.study import results
from benchmarks.study.configs import config_read
from benchmarks.study.patients import Group
from benchmarks.study.rows import BY_NAME, MUDUO
from nnunetv2_muduo.storage import read_json


@pytest.fixture
def data(tmp_path):
    """Folders of 41 patients, without images that could be read."""
    for number in range(41):
        folder = tmp_path / "sts" / f"STS_{number:03d}"
        folder.mkdir(parents=True)
        for name in real_pairs.FILES:
            (folder / name).write_text(f"{number} {name}")
    return tmp_path / "sts"


def test_every_patient_is_tested_once_and_in_one_group_of_a_split(data, tmp_path):
    studies = real_pairs.copied(data, tmp_path / "patients")
    splits = [real_pairs.split_patients(studies, number) for number in range(3)]
    assert sorted(study for split in splits for study in split.tested) == studies
    for split in splits:
        assert sorted([*split.of_teacher, *split.of_students, *split.tested]) == studies
        assert len(split.of_teacher) == 10
        assert len(split.of_students) >= 17


def test_the_studys_layout(data, tmp_path):
    studies = real_pairs.copied(data, tmp_path / "patients")
    assert read_json(studies[0].parents[1] / "labels.json") == {"background": 0, "tumor": 1}
    assert (studies[7] / "SUV.nii.gz").read_text() == "7 SUV.nii.gz"


def test_rows_with_teachers_have_the_splits(tmp_path):
    rows = {row.name: row for row in real_pairs.rows(tmp_path / "pet_teacher_0123.pth")}
    assert rows["muduo"].overrides == {"pet_teacher": str(tmp_path / "pet_teacher_0123.pth")}
    assert rows["pet_teacher"].trainer == BY_NAME["pet_teacher"].trainer
    assert rows["supervised"].overrides == {}


def test_no_folder_of_this_machine_stands_in_a_result(tmp_path):
    row = real_pairs.rows(tmp_path / "pet_teacher_0123.pth")[-1]
    settings = results.settings_of(Group("split_0", 1, 13), real_pairs.SIZE, row)
    assert settings["row"]["overrides"] == {"pet_teacher": "pet_teacher_0123.pth"}


def test_a_row_is_done_with_the_teacher_that_it_names(tmp_path):
    group, file = Group("split_0", 1, 13), tmp_path / "result.json"
    of_a, of_b = (real_pairs.rows(tmp_path / name)[-1] for name in ("a.pth", "b.pth"))
    settings = results.settings_of(group, real_pairs.SIZE, of_a)
    config = results.without_folders(config_read(of_a, real_pairs.SIZE))
    results.write_result({"settings": settings, "config": config, "teachers": {"pet": "0" * 64}}, file)
    assert results.is_done(file, group, real_pairs.SIZE, of_a)
    assert not results.is_done(file, group, real_pairs.SIZE, of_b)


def test_patients_of_two_splits_with_one_number_are_two_cases(tmp_path):
    for seed, dice in ((0, 0.5), (1, 0.7)):
        rows = (MUDUO, 0.1, 18), (BY_NAME["supervised"], 0.0, 18), (real_pairs.WITH_TEACHERS_LABELS, 0.0, 17)
        for row, more, first in rows:  # the last is another data set, in which the same patients have other numbers
            costs = dict.fromkeys(("steps", "seconds", "tflop", "steps_before", "seconds_before", "tflop_before"), 1.0)
            content = {"row": row.name, "title": row.title, "labels": 5, "seed": seed, "invented": {}, **costs}
            content["cases"] = {f"study_{i:03d}": {"tumor": [dice + more, 0.5, 3.0]} for i in (first, first + 1)}
            results.write_result(content, results.result_file(tmp_path, Group(f"split_{seed}", 1, 2), 5, seed, row))
    text = real_pairs.write_summary(tmp_path)
    assert "# 4 real PET/CT pairs of 2 splits" in text
    cells = re.sub(" +", " ", text)
    assert "| supervised, PET/CT | 2 | 60.0 ± 14.1 |" in cells
    for title in ("supervised, PET/CT", real_pairs.WITH_TEACHERS_LABELS.title):
        assert re.search(rf"\| {title} \| \+10\.0 \| \[.*\] \| 4 \|", cells)
    assert text == (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_nothing_done_is_said(tmp_path):
    assert real_pairs.write_summary(tmp_path) == "No row is done yet."
