"""Commands that write where nothing more can be written: a sentence names the file, and no half of one stays."""

import subprocess
import sys
from contextlib import contextmanager
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


@contextmanager
def no_file_beyond(n_bytes):
    """The operating system ends writing as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def nearly_full():
    with no_file_beyond(FEW_BYTES):
        yield


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
    assert not Path("/dev/full").is_file()  # it is written to, not replaced


def contents(place):
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files}


@pytest.mark.parametrize("n_bytes", [0, 40, 200])
@pytest.mark.parametrize("command", ["postprocess", "evaluate", "figure", "report", "export"])
@pytest.mark.usefixtures("one_thread")
def test_what_was_there_before_stays_whole(project, capsys, command, n_bytes):
    words, place = words_of(command, project), project / WHERE[command]
    code, printed = run(words, capsys)
    assert code == 0, printed
    before, around = contents(place), set(place.parent.iterdir())
    with no_file_beyond(n_bytes):
        code, printed = run(words, capsys)
    after = contents(place)
    (project / "report.html").unlink(missing_ok=True)
    (project / "model.zip").unlink(missing_ok=True)
    assert code == MISTAKE, printed
    assert str(project) in printed.splitlines()[-1]
    assert after == before
    assert set(place.parent.iterdir()) - around == set()  # nothing half written beside


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no such device")
def test_a_pipe_is_written_to(project):
    words = words_of("report", project)
    words[words.index("-o") + 1] = "/dev/stdout"
    program = "import sys; from nnunetv2_muduo.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, check=True)
    assert b"</html>" in done.stdout
