"""The study's report, and the tables in README and docs that it makes."""

import pytest

from benchmarks.study.patients import DEVELOPMENT, REPORTED
from benchmarks.study.report import ROOT, with_all_seeds, write_docs, write_report
from benchmarks.study.results import write_result
from benchmarks.study.rows import Row


@pytest.fixture
def out(results, tmp_path):
    for result in results:
        write_result(result, tmp_path / "reported" / "05_labels" / f"{result['row']}_seed{result['seed']}.json")
    return tmp_path


def test_all_results_of_a_group_are_written(out):
    text = write_report(out, REPORTED, "How it was made.")
    assert (out / "reported" / "summary.md").read_text() == text
    for said in ("How it was made.", "85.0 ± 7.1", "+25.0", "| liver", "## 5 labels: MuDuo minus each row"):
        assert said in text
    assert text.index("supervised, PET/CT") < text.index("| MuDuo")  # in the order of the study's rows
    assert write_report(out, DEVELOPMENT, "") == ""
    assert "labels: steps" not in text
    stepping = write_report(out, REPORTED, "", [Row("muduo", "MuDuo", after="supervised")])
    assert "## 5 labels: steps (Dice, points)" in stepping


def test_rows_from_scratch_and_upper_bounds_stand_apart(out, results):
    for name in ("true_masks", "muduo_scratch", "supervised_scratch"):
        for seed in (0, 1):
            result = {**results[-1 if name == "muduo_scratch" else 0], "row": name, "title": name, "seed": seed}
            write_result(result, out / "reported" / "05_labels" / f"{name}_seed{seed}.json")
    parts = write_report(out, REPORTED, "").split("## ")
    compared = {
        part.splitlines()[0].partition(": ")[2]: [
            line.split("|")[1].strip() for line in part.splitlines()[4:] if "|" in line
        ]
        for part in parts
        if " minus " in part.splitlines()[0]
    }
    assert compared == {
        "MuDuo minus each row (Dice, points)": ["supervised, PET/CT"],
        "from scratch, MuDuo minus each row (Dice, points)": ["supervised_scratch"],
        "MuDuo minus upper bounds (Dice, points)": ["true_masks"],
    }


def test_docs_change_between_their_markers_alone(results, tmp_path):
    (tmp_path / "docs").mkdir()
    for file in (tmp_path / "README.md", tmp_path / "docs" / "results.md"):
        file.write_text("before\n<!-- study -->\nold\n<!-- /study -->\nafter\n")
    write_docs(results, tmp_path)
    readme, page = ((tmp_path / name).read_text() for name in ("README.md", "docs/results.md"))
    for text in (readme, page):
        assert text.startswith("before\n<!-- study -->\n")
        assert text.endswith("\n<!-- /study -->\nafter\n")
        assert "old" not in text
    assert "| MuDuo" in readme
    assert "+25.0" in page
    (tmp_path / "README.md").write_text("no markers")
    with pytest.raises(ValueError, match=r"README.md must have <!-- study --> and <!-- /study --> once each"):
        write_docs(results, tmp_path)


def test_docs_have_rows_of_all_of_muduos_seeds_alone(results):
    one_seed = {**results[0], "row": "cps", "title": "CPS"}
    of_other_labels = [{**result, "labels": 10, "seed": 0} for result in results[:1]]
    kept = with_all_seeds([*results, one_seed, *of_other_labels])
    assert kept == [*results, *of_other_labels]


@pytest.mark.parametrize("name", ["README.md", "docs/results.md"])
def test_there_are_markers(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text.index("<!-- study -->") < text.index("<!-- /study -->")
