import os
import signal

import pytest

from nnunetv2_muduo.parallel import run_all


def fail_on_odd(item):
    name, path = item
    if int(name) % 2:
        raise ValueError(f"{name} is odd")
    path.joinpath(name).touch()


def kill_itself(item):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("n_processes", [1, 2])
def test_one_failure_does_not_stop_the_others(tmp_path, n_processes):
    failures = run_all(fail_on_odd, [(str(i), tmp_path) for i in range(4)], n_processes, "Counting")
    assert {name: str(error) for name, error in failures.items()} == {"1": "1 is odd", "3": "3 is odd"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "2"]


def fail_once(item):
    name, path = item
    if not path.joinpath(name).exists():
        path.joinpath(name).touch()
        raise OSError("the network is away")
    path.joinpath(f"{name} again").touch()


def test_each_job_has_two_tries(tmp_path):
    assert run_all(fail_once, [("a", tmp_path)], 1, "Trying") == {}
    assert (tmp_path / "a again").exists()


def test_a_killed_worker_ends_the_run_and_says_so():
    failures = run_all(kill_itself, [("a",), ("b",)], 2, "Dying")
    assert failures.keys() == {"a", "b"}
    assert "killed, probably for lack of memory" in str(failures["a"])
