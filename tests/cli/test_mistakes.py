"""Every command with every kind of wrong argument: a sentence that names it and an exit code, never a traceback."""

import subprocess
import sys

import pytest
from fixtures.cli_commands import COMMANDS, MISTAKE, WRONG_SYNTAX, kinds_of, run, words_of

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.cli.main import COMMANDS as ALL_COMMANDS

WRONG = {  # kind of argument: wrong values
    "IN": ["nowhere", "a_file.txt", "locked"],
    "JSON": ["nowhere.json", "folder", "broken.json", "list.json", "binary.json", "locked.json"],
    "TEXT": ["nowhere.txt", "folder", "binary.json", "locked.json"],
    "OUT": ["a_file.txt", "a_file.txt/below", "locked/out", "readonly/out"],
    "OUT_FILE": ["folder", "nowhere/file", "a_file.txt/file", "locked/file", "readonly/file"],
    "CASE": ["../../../etc/passwd", "/etc/passwd", "two/ words", "two .words", " c", "a;b", ".hidden", "a\nb"],
    "DATASET": ["999", "nonsense", "Dataset999_Nothing"],
    "DATA": ["999", "nonsense", "/nope", "*", "../raw"],
    "FOLD": ["every", "-1", "1.5", "../0"],
    "TRAINER": ["nnUNetTrainerNOPE"],
    "PLANS": ["NOPE"],
    "CONFIGURATION": ["NOPE"],
    "INT": ["many", "1.5"],
    "FLOAT": ["wide"],
}
OF_ARGPARSE = ("CASE", "FOLD", "INT", "FLOAT")
VARIABLES = {"convert autopet": "raw", "check": "raw", "prepare": "preprocessed", "export": "results"}


def rows():
    """(command, {number of the word: wrong value}, kind) for every argument and every wrong value of its kind."""
    for command in COMMANDS:
        for number, kind in kinds_of(command).items():
            for value in WRONG[kind]:
                name = f"{command}-{COMMANDS[command].split()[number]}-{value}".replace("/", "|").replace("\n", "\\n")
                yield pytest.param(command, number, kind, value, id=name)


def test_every_command_is_in_the_table():
    assert {text.split()[0] for text in COMMANDS.values()} == set(ALL_COMMANDS)


@pytest.mark.parametrize(("command", "number", "kind", "value"), list(rows()))
def test_a_wrong_argument_is_named(with_locks, capsys, command, number, kind, value):
    words = words_of(command, with_locks, {number: value})
    code, printed = run(words, capsys)
    assert code == (WRONG_SYNTAX if kind in OF_ARGPARSE else MISTAKE), printed
    named = value if kind in OF_ARGPARSE else value.removeprefix("../").strip("/").split("/")[0]
    assert named in printed or repr(value) in printed
    assert command == "teacher" or not (with_locks / "new").exists()


@pytest.mark.parametrize(("command", "folder"), VARIABLES.items())
def test_a_variable_that_is_not_set_is_named(project, monkeypatch, capsys, command, folder):
    monkeypatch.delenv(f"nnUNet_{folder}")
    code, printed = run(words_of(command, project), capsys)
    assert code == MISTAKE
    assert f"nnUNet_{folder}" in printed


@pytest.mark.parametrize("values", [["--cases", "0"], ["--spacing", "0"], ["--seed", "-1"], ["-np", "0"]], ids=str)
def test_numbers_out_of_range_are_named(project, capsys, values):
    code, printed = run(["phantom", str(project / "new"), *values], capsys)
    assert code == MISTAKE
    assert values[1] in printed
    assert values[0].strip("-") in printed or "processes" in printed


def test_a_fault_of_the_package_keeps_its_traceback(project, monkeypatch):
    """Errors that no user's mistake makes are not turned into sentences."""
    from nnunetv2_muduo.cli import check

    for fault in (KeyError("x"), TypeError("x"), AttributeError("x"), IndexError("x"), AssertionError("x")):
        monkeypatch.setattr(check, "run", Faulty(fault))
        with pytest.raises(type(fault)):
            main(words_of("check", project))


class Faulty:
    """A function that raises."""

    def __init__(self, fault: Exception):
        self.fault = fault

    def __call__(self, args):
        raise self.fault


def test_the_cause_is_the_last_line(project):
    """Of a preparation that fails in a process of its own, as a training starts it."""
    command = [sys.executable, "-m", "nnunetv2_muduo.cli", *words_of("prepare", project)]
    finished = subprocess.run([*command, "-part_id", "3"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert finished.returncode == MISTAKE
    assert finished.stdout.splitlines()[-1].startswith("muduo prepare: -part_id counts from 0")
