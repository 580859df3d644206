"""The Python of nnU-Net's commands, and the advice where nnU-Net finds no trainer."""

import sys
from pathlib import Path

import pytest

from nnunetv2_muduo.check.environment import check_commands, check_trainer
from nnunetv2_muduo.check.findings import PROBLEM, WARNING


@pytest.fixture
def command(tmp_path, monkeypatch):
    """A function that writes nnUNetv2_train, the only one on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(content: bytes) -> None:
        (tmp_path / "nnUNetv2_train").write_bytes(content)
        (tmp_path / "nnUNetv2_train").chmod(0o755)

    return write


@pytest.mark.parametrize(
    "python", ["/opt/conda/bin/python", "/opt/conda/envs/nnunet/bin/python3.12", "/home/me/.venv/bin/python3"]
)
def test_another_python_is_a_warning_with_both_cures(command, python):
    command(f"#!{python}\nimport nnunetv2\n".encode())
    (found,) = check_commands()
    assert found.status == WARNING
    assert f"{python} -m pip install" in found.found
    assert f"put {Path(sys.executable).parent} first in PATH" in found.found


@pytest.mark.parametrize(
    "content",
    [
        f"#!{sys.executable}\n".encode(),
        f"#!{sys.executable} -sE\n".encode(),
        f"#!{Path(sys.executable).parent / 'python3'}\n".encode(),
        b"#!/bin/sh\nexec python\n",
        b"#!/usr/bin/env python3\n",
        b"#!\n",
        b"\x7fELF\xff\xfe\x00",
        b"",
    ],
)
def test_the_same_python_and_what_can_not_be_told_say_nothing(command, content):
    command(content)
    assert check_commands() == []


def test_no_command_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check_commands() == []


def test_advice_for_a_trainer_of_ours_is_a_folder_and_for_others_a_name():
    ours, others = check_trainer("nnUNetTrainerMuDuo", None), check_trainer("nnUNetTrainerMudou", None)
    assert ours.status == others.status == PROBLEM
    folder = Path(ours.found.split("nnUNet_extTrainer=")[1])
    assert (folder / "nnUNetTrainerMuDuo.py").is_file()
    assert "correct -tr" in others.found
    assert "export" not in others.found
