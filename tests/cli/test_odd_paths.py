"""Every command where the project's folder, and so every path, holds blanks and letters of several languages."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from fixtures.cli_commands import COMMANDS, CONVERTED, MADE_UP, run, words_of

from nnunetv2_muduo.cli import demo

ROOT = Path(__file__).parents[2]
MADE = {  # command: a file that it makes
    "phantom": "new/cohort/labels.json",
    "convert autopet": f"{CONVERTED}/dataset.json",
    "check": None,
    "prepare": None,
    "teacher": "new/teacher/teacher_best.pth",
    "segment": "new/segmented/labeled_0.nii.gz",
    "postprocess": "new/cleaned/labeled_0.nii.gz",
    "evaluate": "new/evaluation/metrics.csv",
    "figure": "new/picture/labeled_0.png",
    "segment-bench": "new/bench/curves.png",
    "report": "report.html",
    "export": "model.zip",
}
if "teacher train2d" in COMMANDS:
    MADE["teacher train2d"] = "new/sam/fine_tuned_sam.safetensors"


def test_the_folder_is_an_odd_one(project):
    assert " " in str(project)
    assert not str(project).isascii()
    made_by_others = {
        "phantom --from-labels",
        "convert autopet --labels",
        "convert dicom",
        "segment-bench --clicks",
        "demo",
    }
    assert MADE.keys() == COMMANDS.keys() - made_by_others


@pytest.mark.parametrize(("command", "made"), MADE.items(), ids=str)
@pytest.mark.usefixtures("one_thread")
def test_command(project, monkeypatch, capsys, command, made):
    (project / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(project / "here")
    code, printed = run(words_of(command, project), capsys)
    assert code == 0, printed
    assert made is None or (project / made).is_file()
    assert list((project / "here").iterdir()) == []


def test_relative_paths(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    code, printed = run(["report", f"{MADE_UP}/fold_0", "-o", "mein Bericht ü.html"], capsys)
    assert code == 0, printed
    assert "mein Bericht ü.html" in printed
    assert Path("mein Bericht ü.html").is_file()


def test_the_demo_hands_no_path_of_its_folder_to_its_steps(tmp_path, monkeypatch):
    """Steps are split into words at blanks; they run in the folder, so that relative paths do."""
    commands = []
    monkeypatch.setattr(demo.StepRunner, "run", lambda self, *texts, **_: commands.extend(texts))
    monkeypatch.setattr(demo, "narrow_network", lambda plans_file: None)
    folder = tmp_path / "My Projects" / "Ärzte 数据"
    (folder / "postprocessed" / "MuDuo").mkdir(parents=True)
    (folder / "postprocessed" / "MuDuo" / "case.nii.gz").touch()
    demo._run_all(folder, demo.StepRunner(folder, 1))
    assert len(commands) > 8
    assert not [text for text in commands if "My Projects" in text or str(tmp_path) in text]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_demo(tmp_path):
    """The Makefile in such a folder, with what it would install replaced by a stand-in that notes its words."""
    folder = tmp_path / "My Projects" / "Ärzte 数据"
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (folder / "nnunetv2_muduo").mkdir()
    for name in ("Makefile", "setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    _write_program(programs / "muduo", 'printf "%s|" "$@" > words.txt\n')
    for mark in (".dependencies", ".installed"):
        (folder / ".venv" / mark).touch()
    subprocess.run(["make", "demo"], cwd=folder, check=True, capture_output=True, text=True)
    assert (folder / "words.txt").read_text() == "demo|muduo_demo|"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_installs_with_a_python_whose_path_has_blanks(tmp_path):
    folder = tmp_path / "My Projects"
    (folder / "nnunetv2_muduo").mkdir(parents=True)
    for name in ("Makefile", "setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    python = tmp_path / "Program Files" / "python"
    python.parent.mkdir()
    _write_program(python, 'printf "%s|" "$@" > words.txt; mkdir -p .venv/bin; cp "$0" .venv/bin/python; exit 3\n')
    finished = subprocess.run(
        ["make", "demo"], cwd=folder, env={**os.environ, "PYTHON": str(python)}, capture_output=True
    )
    assert finished.returncode != 0  # the stand-in's
    assert (folder / "words.txt").read_text() == "-m|venv|.venv|"


def _write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
