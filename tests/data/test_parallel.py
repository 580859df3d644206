import os
import signal

import pytest

from nnunetv2_muduo.data.parallel import run_all


def fail_on_odd(item):
    name, path = item
    if int(name) % 2:
        raise ValueError(f"{name} is odd")
    path.joinpath(name).touch()


def kill_itself(item):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("n_processes", [1, 2])
def test_one_failure_does_not_stop_the_others(tmp_path, n_processes):
    with pytest.raises(RuntimeError, match=r"Counting: 2 of 4 failed(.|\n)*1: 1 is odd"):
        run_all(fail_on_odd, [(str(i), tmp_path) for i in range(4)], n_processes, "Counting")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "2"]


def test_a_killed_worker_ends_the_run_with_an_error():
    with pytest.raises(RuntimeError, match="2 of 2 failed"):
        run_all(kill_itself, [("a",), ("b",)], 2, "Dying")
