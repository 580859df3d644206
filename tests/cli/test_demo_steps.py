"""The demo's commands: their words in files, one line for each on the terminal, and the end of a log where one fails."""

import os
import sys
import time
from pathlib import Path

import pytest

from nnunetv2_muduo.cli import demo_steps
from nnunetv2_muduo.cli.demo_steps import FORKED, N_LINES_OF_A_FAILURE, StepRunner, find_command, last_lines, n_threads

pytestmark = pytest.mark.skipif(not FORKED, reason="commands of the test's own need fork")


def say():
    print(*sys.argv[1:])


def note():
    Path(sys.argv[1]).write_text(os.environ["GREETING"])


def meet():
    """Make a file and wait for another, which somebody else makes."""
    mine, others = map(Path, sys.argv[1:])
    mine.touch()
    end = time.monotonic() + 30
    while not others.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def count():
    for i in range(2 * N_LINES_OF_A_FAILURE):
        print("line", i)
    return 3


def write_to_the_descriptor():
    os.write(1, b"from a library\n")
    os.system("echo from a process")


def sleep():
    time.sleep(60)


def fail():
    raise ValueError("this is why")


@pytest.fixture
def runner(tmp_path, monkeypatch):
    commands = {f.__name__: f for f in (say, note, meet, count, write_to_the_descriptor, sleep, fail)}
    monkeypatch.setattr(demo_steps, "find_command", commands.__getitem__)
    folder = tmp_path / "a folder"  # with a blank
    folder.mkdir()
    return StepRunner(folder, lone_threads=1)


def test_what_a_step_says_goes_to_its_log(runner, capfd):
    runner.run("say 'a long table'")
    runner.run("write_to_the_descriptor")
    shown = capfd.readouterr().out.splitlines()
    assert [line[:2] for line in shown] == [" 1", " 1", " 2", " 2"]
    logs = {log.name: log.read_text() for log in (runner.folder / "steps").iterdir()}
    assert logs == {
        "01_say.log": "a long table\n",
        "02_write_to_the_descriptor.log": "from a library\nfrom a process\n",
    }


def test_every_command_is_printed_as_a_user_would_type_it(runner, capsys):
    runner.run("note made", GREETING="hello")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == " 1  $ GREETING=hello note made"
    assert lines[1].startswith(" 1  ")
    assert lines[1].endswith(" s")
    assert (runner.folder / "made").read_text() == "hello"
    assert "GREETING" not in os.environ


def test_commands_run_at_the_same_time(runner):
    runner.run("meet a b", "meet b a")
    assert runner.n_steps == 2


def test_a_failure_ends_with_the_end_of_the_log(runner):
    with pytest.raises(RuntimeError) as failure:
        runner.run("count")
    message = str(failure.value).splitlines()
    assert message[0] == f"step 1 failed with exit code 3. The end of {runner.folder / 'steps' / '01_count.log'}:"
    assert message[1:] == [f"  line {i}" for i in range(N_LINES_OF_A_FAILURE, 2 * N_LINES_OF_A_FAILURE)]


def test_a_traceback_is_the_end_of_the_log(runner):
    with pytest.raises(RuntimeError, match=r"exit code 1\.[\s\S]*  ValueError: this is why$"):
        runner.run("fail")


def test_a_failure_stops_what_runs_beside_it(runner):
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="step 2 failed"):
        runner.run("sleep", "fail")
    assert time.monotonic() - started < 30


def test_installed_commands_are_found():
    assert find_command("muduo").__module__ == "nnunetv2_muduo.cli.main"
    assert find_command("nnUNetv2_train").__name__ == "run_training_entry"
    with pytest.raises(RuntimeError, match="No command nnUNetv1_train is installed"):
        find_command("nnUNetv1_train")


def test_of_a_progress_bar_the_last_state_is_shown(tmp_path):
    log = tmp_path / "step.log"
    log.write_bytes(b"before\n\r  0%|   | 0/2\r 50%|   | 1/2\r100%|   | 2/2\nafter\xff\n")
    assert last_lines(log) == "  before\n  100%|   | 2/2\n  after\ufffd"


@pytest.mark.parametrize(("n_cores", "n_commands", "threads"), [(2, 2, 1), (2, 1, 2), (1, 2, 1), (8, 2, 4), (64, 1, 4)])
def test_commands_share_the_cores(monkeypatch, n_cores, n_commands, threads):
    monkeypatch.setattr(demo_steps, "n_cores", lambda: n_cores)
    assert n_threads(n_commands) == threads
