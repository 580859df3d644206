"""The names that `nnunetv2_muduo` exports, and the example of docs/python.md, run as it stands there."""

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


def test_example_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values: dict = {}
    exec(compile(example(), str(PAGE), "exec"), values)
    assert values["result"]["dice"] > 0.8  # 0.90 when the page was written
    assert 1000 < values["result"]["volume_prediction_ml"] < 3000
