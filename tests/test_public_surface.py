"""The names that `nnunetv2_muduo` exports, and the example of docs/python.md, run as it stands there."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nnunetv2_muduo

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return code


@pytest.mark.parametrize("name", nnunetv2_muduo.__all__)
def test_every_name_is_there_and_on_its_page(name):
    assert getattr(nnunetv2_muduo, name).__name__ == name
    assert f"`{name}" in PAGE.read_text(encoding="utf-8")
    assert name in dir(nnunetv2_muduo)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        nnunetv2_muduo.nothing_of_this_name  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, nnunetv2_muduo; print(sorted({'torch', 'numpy', 'nnunetv2', 'SimpleITK'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_types_are_announced():
    assert (Path(nnunetv2_muduo.__file__).parent / "py.typed").is_file()


def test_type_checkers_see_the_same_names_from_the_same_modules():
    stub = ast.parse(Path(nnunetv2_muduo.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    modules = {
        alias.asname: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert modules == nnunetv2_muduo._MODULE_OF


@pytest.mark.slow
def test_a_users_program_is_type_checked(tmp_path):
    """Names are known with their types, and a mistake is one."""
    program = tmp_path / "program.py"
    program.write_text(
        "from nnunetv2_muduo import load_config, load_teacher, measure_labels, read_image, write_cohort\n"
        "reveal_type(load_config())\nreveal_type(load_teacher('small_ct'))\nreveal_type(measure_labels)\n"
        "reveal_type(write_cohort('cohort', 1, 0))\nread_image(3.5)\n"
    )
    options = [
        "--follow-imports",
        "silent",
        "--ignore-missing-imports",
        "--cache-dir",
        tmp_path,
        "--config-file",
        os.devnull,
    ]
    root = Path(nnunetv2_muduo.__file__).parents[1]
    is_installed = root.name == "site-packages"  # which mypy looks through by itself, and refuses in its path
    environment = os.environ | ({} if is_installed else {"MYPYPATH": str(root)})
    command = [sys.executable, "-m", "mypy", *options, program]
    lines = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path).stdout.splitlines()
    revealed = [line.split("Revealed type is ")[1] for line in lines if "Revealed type" in line]
    assert len(revealed) == 4
    assert "config.MuDuoConfig" in revealed[0]
    assert "Sam3DTeacher" in revealed[1]
    assert "numpy.ndarray" in revealed[2]
    assert "pathlib" in revealed[3]
    (error,) = [line for line in lines if ": error: " in line]
    assert "read_image" in error
    assert "program.py:6" in error


def test_example_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values: dict = {}
    exec(compile(example(), str(PAGE), "exec"), values)
    assert values["result"]["dice"] > 0.8  # 0.90 when the page was written
    assert 1000 < values["result"]["volume_prediction_ml"] < 3000
