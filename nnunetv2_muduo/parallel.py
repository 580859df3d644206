"""Many independent jobs over processes, with a progress bar and few jobs in memory at a time."""

import io
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

_CONTROL_GROUPS, _OWN_GROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_N_TRIES = 2
_N_SHOWN = 10


class WorkerKilled(RuntimeError):
    """A worker process was killed, as Linux does where memory runs out. Jobs that have ended stay done."""


def n_cores() -> int:
    """Cores this process may use: those it is bound to, and no more than its control group is granted (Linux)."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(bound, _granted_cores(_CONTROL_GROUPS, _OWN_GROUP)))


def n_threads() -> int:
    """Threads of one computation on the CPU: as many as OMP_NUM_THREADS says, where it is a number, else all cores."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) > 0 else n_cores()


def _granted_cores(groups: Path, own_group: Path) -> int:
    """Cores that the control groups of a process (version 1 or 2) grant it, `sys.maxsize` where they set no limit.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, `cpu.max`, and
    https://docs.kernel.org/scheduler/sched-bwc.html, `cpu.cfs_quota_us`: microseconds within a period of microseconds.
    """
    lines = own_group.read_text().splitlines() if own_group.is_file() else []
    places = [place for line in lines for place in _own_groups(groups, *line.split(":", 2)[1:])]
    return min(map(_limit, places), default=sys.maxsize)


def _own_groups(groups: Path, controllers: str, own: str) -> Iterator[Path]:
    """Folders of a process's group and of those that it lies in; version 1 has a tree for some controllers each."""
    names = [controllers, "cpu"] if "cpu" in controllers.split(",") else [] if controllers else [""]
    for tree in (groups / name for name in dict.fromkeys(names)):
        group = tree / own.removeprefix("/")
        yield from (place for place in (group, *group.parents) if place.is_relative_to(tree))


def _limit(group: Path) -> int:
    if (group / "cpu.max").is_file():
        most, period = (group / "cpu.max").read_text().split()
    elif (group / "cpu.cfs_quota_us").is_file():
        most, period = ((group / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
    else:
        return sys.maxsize
    return sys.maxsize if most in ("max", "-1") else math.ceil(int(most) / int(period))


def map_jobs(
    function: Callable, jobs: Sequence[tuple], n_processes: int, description: str
) -> Iterator[tuple[tuple, Any]]:
    """Yield (job, function(*job)) as the jobs end, in any order. One process means this one.

    Raises:
        WorkerKilled: a worker process was killed.
        Exception: what the first job that fails raises; no further ones are begun.
    """
    n_processes = min(n_processes, len(jobs))
    results = _in_workers(function, jobs, n_processes) if n_processes > 1 else ((job, function(*job)) for job in jobs)
    yield from tqdm(results, total=len(jobs), desc=description, disable=not jobs)


def run_all(
    job: Callable[[tuple], None], items: Sequence[tuple], n_processes: int, description: str
) -> dict[str, Exception]:
    """Call `job` on every item, whose first element is its name; a second time where it fails, which stops no other.

    Returns:
        What the jobs raised that failed twice or whose process was killed, by name; the others are done.
    """
    outcomes: dict[str, Exception | None] = {}
    try:
        for (_, item), error in map_jobs(_exception_of, [(job, item) for item in items], n_processes, description):
            outcomes[item[0]] = error
    except WorkerKilled as error:
        outcomes |= {name: error for name, *_ in items if name not in outcomes}
    return {name: error for name, error in outcomes.items() if error is not None}


def run_to_the_end(command: list[str], says: str) -> str | None:
    """Run a command, whose output goes where this process's goes.

    Args:
        says: how its own message of an error begins.

    Returns:
        That message where it fails, or the last line of its standard error where it has none; None where it does not fail.
    """
    message: list[str] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        for line in io.TextIOWrapper(process.stderr, errors="replace", newline=""):  # bars of progress end in \r
            sys.stderr.write(line)
            sys.stderr.flush()
            goes_on = message and message[0].startswith(says) and not line.startswith(says)
            message = [*message, line] if goes_on else [line] if line.strip() else message
    if process.returncode == 0:
        return None
    if process.returncode < 0:
        return f"it was killed ({signal.Signals(-process.returncode).name}), perhaps for lack of memory"
    return "".join(message).strip()


def listed(reasons: dict[str, Any]) -> str:
    """Lines with the first ten names and their reasons."""
    lines = [f"  {name}: {str(reason) or type(reason).__name__}" for name, reason in list(reasons.items())[:_N_SHOWN]]
    return "\n".join(lines + ([f"  and {len(reasons) - _N_SHOWN} more"] if len(reasons) > _N_SHOWN else []))


def _exception_of(job: Callable, item: tuple) -> Exception | None:
    for _ in range(_N_TRIES):
        try:
            job(item)
            return None
        except Exception as error:  # whatever it is, run_all returns it with the name of its item
            last = error
    return last


def _in_workers(function: Callable, jobs: Sequence[tuple], n_processes: int) -> Iterator[tuple[tuple, Any]]:
    waiting = iter(jobs)
    # A worker that is killed ends this pool with an error, where multiprocessing.Pool would hang.
    with ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn"), _start_worker) as executor:
        running: dict[Future, tuple] = {
            executor.submit(function, *job): job for job in islice(waiting, 2 * n_processes)
        }
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
                    running |= {executor.submit(function, *job): job for job in islice(waiting, 1)}
        except BrokenProcessPool as error:
            raise WorkerKilled(
                "A worker process was killed, probably for lack of memory. Run the same command again with a smaller "
                "-np; what is finished is kept."
            ) from error
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """One thread and no warnings per worker, and no life after the parent's death (a pool's workers would wait for ever)."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
