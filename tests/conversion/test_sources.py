"""Kinds of sources, started by the scripts of a checkout."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[2] / "dataset_conversion").glob("Dataset7*.py"))


def run(script, *arguments):
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_scripts_say_what_they_take(script):
    assert "SRC" in run(script, "--help")


def test_there_is_a_script_for_each_kind_and_no_link():
    assert [script.stem for script in SCRIPTS] == [
        "Dataset705_AutoPETOrgan",
        "Dataset706_AutoPETTumor",
        "Dataset707_OwnDicomPETCT",
    ]
    assert not any(path.is_symlink() for path in (SCRIPTS[0].parent, *SCRIPTS))


def test_a_script_converts_as_the_command_does(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 5)
    script = next(script for script in SCRIPTS if "Tumor" in script.stem)
    sizes = ("--labeled", 2, "--val", 1, "--test", 1)
    assert "## No patient in two sets" in run(script, source, "-d", 706, "--name", "Script", "-np", 1, *sizes)
    by_command = convert("autopet", source).files()
    folder = tmp_path / "nnUNet_raw" / "Dataset706_Script"
    by_script = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    images = {name for name in by_command if name.endswith(".nii.gz")}
    assert by_script.keys() == by_command.keys()
    assert all(by_script[name] == by_command[name] for name in images)
