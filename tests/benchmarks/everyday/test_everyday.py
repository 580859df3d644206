"""The table of everyday things is well formed, is run as it says, and two of its rows are run."""

import argparse
import json
import re
import shlex
from dataclasses import replace
from importlib.metadata import entry_points

import pytest

from benchmarks.everyday import run
from benchmarks.everyday.__main__ import main
from benchmarks.everyday.changes import OWN_TRAINERS
from benchmarks.everyday.row import Refused, Row
from benchmarks.everyday.rows import ROWS
from nnunetv2_muduo import trainers
from nnunetv2_muduo.cli.main import COMMANDS, build_parser

EACH_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def commands_of(row: Row) -> list[list[str]]:
    """Words of a row's commands, without variables before them."""
    steps = [step.command if isinstance(step, Refused) else step for step in row.steps]
    words = [shlex.split(step) for step in steps if isinstance(step, str)]
    return [[word for word in command if not re.match(r"\w+=", word)] for command in words]


def test_rows_have_names_of_their_own_and_start_from_earlier_ones():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names) >= 18
    for n, row in enumerate(ROWS):
        assert row.starts_from is None if n == 0 else row.starts_from in names[:n]


@EACH_ROW
def test_a_row_says_what_it_guards_and_looks_at_what_comes_of_it(row):
    assert len(row.guards.split()) > 4
    assert row.leaves or any(isinstance(step, Refused) for step in row.steps) or callable(row.steps[-1])
    assert all(isinstance(step, str | Refused) or callable(step) for step in row.steps)


@EACH_ROW
def test_commands_are_installed_and_muduos_can_be_parsed(row):
    installed = {command.name for command in entry_points(group="console_scripts")}
    for name, *words in commands_of(row):
        assert name in installed
        if name == "muduo":
            assert isinstance(
                build_parser(next(w for w in words if w in COMMANDS)).parse_args(words), argparse.Namespace
            )


@EACH_ROW
def test_trainers_are_there(row):
    own = re.findall(r"^class (\w+)", OWN_TRAINERS, re.MULTILINE)
    for words in commands_of(row):
        if "-tr" in words:
            assert words[words.index("-tr") + 1] in {*trainers.__all__, *own}


@pytest.fixture
def table(monkeypatch):
    """A table of three rows, of which the second starts from the first. Returns a list of what was run."""
    ran = []
    rows = (
        Row("first", "", (lambda own: ran.append("first"), lambda own: (own / "made.txt").touch()), starts_from=None),
        Row("second", "", (lambda own: ran.append("second"),), leaves=("made.txt", "never.txt"), starts_from="first"),
        Row("third", "", (lambda own: ran.append("third"),), starts_from="second"),
        Row("fourth", "", (lambda own: ran.append("fourth"),), leaves=("made.txt",), starts_from="first"),
        Row("fifth", "", (), starts_from=None, needs="a_package_that_nobody_has"),
    )
    set_rows(monkeypatch, rows)
    return ran


def set_rows(monkeypatch, rows):
    monkeypatch.setattr(run, "ROWS", rows)
    by_name = {row.name: row for row in rows}
    monkeypatch.setattr(run, "BY_NAME", by_name)
    monkeypatch.setattr("benchmarks.everyday.__main__.BY_NAME", by_name)
    return by_name


def test_rows_that_are_done_are_not_run_again_and_those_after_a_failed_one_not_at_all(table, tmp_path, monkeypatch):
    assert main([str(tmp_path)]) == 1
    assert table == ["first", "second", "second", "fourth"]
    results = {
        line.split(" | ")[0].strip("| "): line for line in (tmp_path / "summary.md").read_text().splitlines()[2:]
    }
    assert results["first"].endswith(" ok |")
    assert results["second"].endswith("failed: not there afterwards: never.txt |")
    assert results["third"].endswith("not run |")
    assert results["fourth"].endswith(" ok |")
    table.clear()
    mended = replace(run.BY_NAME["second"], leaves=("made.txt",))
    set_rows(monkeypatch, tuple(mended if row.name == "second" else row for row in run.ROWS))
    assert main([str(tmp_path)]) == 0
    assert table == ["second", "third"]


def test_a_row_alone_takes_those_that_it_needs(table, tmp_path):
    assert main([str(tmp_path), "--only", "fourth", "--summary", str(tmp_path / "here.md")]) == 0
    assert table == ["first", "fourth"]
    assert "| fourth |" in (tmp_path / "here.md").read_text()


def test_variables_are_the_rows_own_and_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_muduo_config", "the user's")
    seen = []
    row = Row("one", "", (lambda own: seen.append(dict(run.os.environ)),), starts_from=None, variables={"A_B": "c"})
    rows = set_rows(monkeypatch, (row, replace(row, name="two", variables={"nnUNet_muduo_config": None})))
    assert all(run.run_row(each, tmp_path) for each in rows.values())
    assert (seen[0]["A_B"], seen[0]["nnUNet_results"]) == ("c", str(tmp_path / "one" / "nnUNet_results"))
    assert "nnUNet_muduo_config" not in seen[1]
    assert run.os.environ["nnUNet_muduo_config"] == "the user's"
    assert "A_B" not in run.os.environ


@pytest.mark.slow
def test_a_refusal_must_come_and_must_say_why(tmp_path, monkeypatch):
    wrong = "muduo report nowhere"
    steps = {
        "right": (Refused(wrong, "nowhere"),),
        "other words": (Refused(wrong, "elsewhere"),),
        "no refusal": (Refused("muduo phantom --help", ""),),
        "a failure": (wrong,),
    }
    rows = set_rows(monkeypatch, tuple(Row(name, "", step, starts_from=None) for name, step in steps.items()))
    assert {name: run.run_row(row, tmp_path) for name, row in rows.items()} == {
        "right": True,
        "other words": False,
        "no refusal": False,
        "a failure": False,
    }
    said = json.loads((tmp_path / "a failure" / "failed.json").read_text())["error"]
    assert "nowhere" in said


@pytest.mark.slow
def test_rows_are_run(tmp_path):
    assert main([str(tmp_path), "--only", "truncated_mha", "disable_checkpointing"]) == 0
    assert (tmp_path / "summary.md").read_text().count(" ok |") == 4  # with the two that these start from
