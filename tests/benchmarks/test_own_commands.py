"""Commands beside this Python come first, also where its environment is not activated."""

import shutil
import sys
from pathlib import Path

from benchmarks.own_commands import path_with_own_commands


def test_they_are_found_before_others_and_others_still(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "elsewhere").touch(0o755)
    found = shutil.which(Path(sys.executable).name, path=path_with_own_commands())
    assert Path(found).parent == Path(sys.executable).parent
    assert shutil.which("elsewhere", path=path_with_own_commands()) == str(tmp_path / "elsewhere")
