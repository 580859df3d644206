"""Commands that write where nothing more can be written: a sentence names the file, and no half of one stays."""

from pathlib import Path

import pytest
from fixtures.cli_commands import CONVERTED, MISTAKE, run, words_of

resource = pytest.importorskip("resource", reason="limits of files are POSIX's")

FEW_BYTES = 200  # less than any result has
WHERE = {  # command: folder of what it writes
    "phantom": "new/cohort",
    "convert autopet": CONVERTED,
    "teacher": "new/teacher",
    "postprocess": "new/cleaned",
    "evaluate": "new/evaluation",
    "figure": "new/picture",
    "report": "report.html",
    "export": "model.zip",
}


@pytest.fixture
def nearly_full():
    """No file may grow beyond a few bytes: the operating system ends writing as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FEW_BYTES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("command", "place"), WHERE.items())
@pytest.mark.usefixtures("one_thread", "nearly_full")
def test_what_could_not_be_written_is_named(project, capsys, command, place):
    code, printed = run(words_of(command, project), capsys)
    assert code == MISTAKE, printed
    assert str(project / place) in printed
    assert [path for path in (project / place).rglob("*") if path.name.endswith((".gz", ".csv", ".pth"))] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_called_so(project, capsys):
    words = words_of("report", project)
    code, printed = run([*words[:-1], "/dev/full"], capsys)
    assert code == MISTAKE
    assert "muduo report: the disk is full: /dev/full could not be written whole. Make room" in printed
