import os
import signal
import sys

import pytest

from nnunetv2_muduo import parallel
from nnunetv2_muduo.parallel import WorkerKilled, map_jobs, run_all, run_to_the_end


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


def doubled(number, factor):
    if number < 0:
        raise ValueError(f"{number} is negative")
    return factor * number


@pytest.mark.parametrize("n_processes", [1, 2])
def test_results_come_with_their_jobs(n_processes):
    jobs = [(number, 2) for number in range(7)]
    assert sorted(map_jobs(doubled, jobs, n_processes, "Doubling")) == [(job, 2 * job[0]) for job in jobs]
    assert list(map_jobs(doubled, [], n_processes, "Nothing")) == []


@pytest.mark.parametrize("n_processes", [1, 2])
def test_the_first_failure_ends_what_has_results(n_processes):
    with pytest.raises(ValueError, match="-1 is negative"):
        list(map_jobs(doubled, [(-1, 2), (1, 2)], n_processes, "Doubling"))


def test_a_killed_worker_is_an_error_of_its_own():
    with pytest.raises(WorkerKilled, match="smaller -np"):
        list(map_jobs(kill_itself, [("a",), ("b",)], 2, "Dying"))


def command(code):
    return [sys.executable, "-c", f"import sys\n{code}"]


LONG = "me: two files:\n  a\n  b\nCorrect them."


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('what was done')", None),
        ("sys.stderr.write('half\\r'); sys.exit(1)", "half"),
        (f"sys.stderr.write('bar\\r' + {LONG!r}); sys.exit(1)", LONG),
        ("sys.stderr.write('me: first\\nme: second\\n'); sys.exit(3)", "me: second"),
        ("{}['key']", "KeyError: 'key'"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "it was killed (SIGKILL), perhaps for lack of memory",
        ),
    ],
)
def test_a_command_that_fails_is_told_by_its_last_message(code, message, capfd):
    assert run_to_the_end(command(code), "me: ") == message
    if message == "KeyError: 'key'":
        assert "Traceback" in capfd.readouterr().err  # all of it is seen, not the last message alone


@pytest.mark.parametrize(
    ("limits", "own_group", "cores"),
    [
        ({".": "200000 100000"}, "0::/", 2),
        ({"a": "max 100000"}, "0::/a", sys.maxsize),
        ({"a": "400000 100000", "a/b": "150000 100000"}, "0::/a/b", 2),
        ({"a": "100000 100000", "a/b": "max 100000"}, "0::/a/b", 1),
        ({"a": "100000 100000"}, "0::/other", sys.maxsize),
        ({}, "12:cpu:/a", sys.maxsize),
    ],
)
def test_control_groups_grant_cores(tmp_path, limits, own_group, cores):
    for group, limit in limits.items():
        (tmp_path / "groups" / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / group / "cpu.max").write_text(f"{limit}\n")
    (tmp_path / "own").write_text(f"{own_group}\n")
    assert parallel._granted_cores(tmp_path / "groups", tmp_path / "own") == cores


QUOTAS = {"": "-1 100000", "docker": "400000 100000", "docker/a": "250000 100000", "docker/b": "-1 100000"}
V1 = "11:cpuset:/\n4:cpu,cpuacct:/{}\n1:name=systemd:/docker/a"


@pytest.mark.parametrize("tree", ["cpu,cpuacct", "cpu"])
@pytest.mark.parametrize(
    ("own_group", "cores"),
    [
        (V1.format(""), sys.maxsize),
        (V1.format("docker/a"), 3),
        (V1.format("docker/b"), 4),
        (V1.format("docker/c/d"), 4),
        (V1.format("elsewhere"), sys.maxsize),
        ("4:cpuset:/docker/a\n0::/docker/a", sys.maxsize),
    ],
)
def test_control_groups_of_version_1_grant_cores(tmp_path, tree, own_group, cores):
    for group, limit in QUOTAS.items():
        folder = tmp_path / "groups" / tree / group
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in zip(("quota", "period"), limit.split(), strict=True):
            (folder / f"cpu.cfs_{name}_us").write_text(f"{value}\n")
    (tmp_path / "own").write_text(f"{own_group}\n")
    assert parallel._granted_cores(tmp_path / "groups", tmp_path / "own") == cores


def test_a_container_of_version_1_sees_its_limit_at_the_root(tmp_path, monkeypatch):
    """Its group's path is that of the host, whose folder it doesn't see."""
    for name, value in (("quota", "100000"), ("period", "100000")):
        (tmp_path / "cpu,cpuacct").mkdir(exist_ok=True)
        (tmp_path / "cpu,cpuacct" / f"cpu.cfs_{name}_us").write_text(value)
    (tmp_path / "own").write_text(V1.format("docker/0123abcd"))
    monkeypatch.setattr(parallel, "_CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(parallel, "_OWN_GROUP", tmp_path / "own")
    assert parallel.n_cores() == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux binds processes to cores")
def test_a_process_that_is_bound_to_one_core_takes_one(monkeypatch):
    bound = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(bound)})
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        assert parallel.n_cores() == parallel.n_threads() == 1
    finally:
        os.sched_setaffinity(0, bound)


@pytest.mark.parametrize(("wanted", "threads"), [("3", 3), ("1", 1), ("", 5), ("0", 5), ("many", 5), ("2,1", 5)])
def test_threads_are_those_that_the_environment_grants(monkeypatch, wanted, threads):
    monkeypatch.setattr(parallel, "n_cores", lambda: 5)
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert parallel.n_threads() == threads
