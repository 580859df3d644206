"""The demo's commands: their words in files, one line for each on the terminal, and the end of a log where one fails."""

import sys
import time

import pytest

from nnunetv2_muduo.cli.demo_steps import N_LINES_OF_A_FAILURE, StepRunner, last_lines, thread_environment


def python(code):
    return f"{sys.executable} -c '{code}'"


@pytest.fixture
def runner(tmp_path):
    folder = tmp_path / "a folder"  # with a blank
    folder.mkdir()
    return StepRunner(folder)


def test_what_a_step_says_goes_to_its_log(runner, capsys):
    runner.run(python('print("a long table")'))
    assert "\na long table" not in capsys.readouterr().out
    [log] = (runner.folder / "steps").iterdir()
    assert log.name.startswith("01_python")
    assert log.read_text() == "a long table\n"


def test_every_command_is_printed_as_a_user_would_type_it(runner, capsys):
    command = python('import os, pathlib; pathlib.Path("made").write_text(os.environ["GREETING"])')
    runner.run(command, GREETING="hello")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f" 1  $ GREETING=hello {command}"
    assert lines[1].startswith(" 1  ")
    assert lines[1].endswith(" s")
    assert (runner.folder / "made").read_text() == "hello"


def test_commands_run_at_the_same_time(runner):
    """Each waits for the other's file."""
    code = (
        'import pathlib, time; pathlib.Path("{0}").touch(); end = time.time() + 30\n'
        'while not pathlib.Path("{1}").exists(): assert time.time() < end; time.sleep(0.01)'
    )
    runner.run(python(code.format("a", "b")), python(code.format("b", "a")))
    assert runner.n_steps == 2


def test_a_failure_ends_with_the_end_of_the_log(runner):
    code = f'[print("line", i) for i in range({2 * N_LINES_OF_A_FAILURE})]; raise SystemExit(3)'
    with pytest.raises(RuntimeError) as failure:
        runner.run(python(code))
    message = str(failure.value).splitlines()
    [log] = (runner.folder / "steps").iterdir()
    assert message[0] == f"step 1 failed with exit code 3. The end of {log}:"
    assert message[1:] == [f"  line {i}" for i in range(N_LINES_OF_A_FAILURE, 2 * N_LINES_OF_A_FAILURE)]


def test_a_failure_stops_what_runs_beside_it(runner):
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="step 2 failed"):
        runner.run(python("import time; time.sleep(60)"), python("raise ValueError"))
    assert time.monotonic() - started < 30


def test_of_a_progress_bar_the_last_state_is_shown(tmp_path):
    log = tmp_path / "step.log"
    log.write_bytes(b"before\n\r  0%|   | 0/2\r 50%|   | 1/2\r100%|   | 2/2\nafter\xff\n")
    assert last_lines(log) == "  before\n  100%|   | 2/2\n  after\ufffd"


@pytest.mark.parametrize(
    ("n_cores", "n_commands", "n_threads"), [(2, 2, 1), (2, 1, 2), (1, 2, 1), (8, 2, 4), (64, 1, 4)]
)
def test_commands_share_the_cores(monkeypatch, n_cores, n_commands, n_threads):
    monkeypatch.setattr("nnunetv2_muduo.cli.demo_steps.n_cores", lambda: n_cores)
    assert thread_environment(n_commands)["OMP_NUM_THREADS"] == str(n_threads)
