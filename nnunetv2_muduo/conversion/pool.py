"""Running one function over many jobs on several cores, with a progress bar and few jobs in memory at a time."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from tqdm import tqdm


def n_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_cases(
    function: Callable, jobs: list[tuple], n_processes: int, description: str
) -> Iterator[tuple[tuple, object]]:
    """Yield (job, function(*job)) in the order of completion.

    Raises RuntimeError where a worker process dies, e.g. for lack of memory.
    """
    n_processes = min(n_processes, len(jobs))
    results = _in_this_process(function, jobs) if n_processes <= 1 else _in_workers(function, jobs, n_processes)
    yield from tqdm(results, total=len(jobs), desc=description, disable=not jobs)


def _in_this_process(function: Callable, jobs: Iterable[tuple]) -> Iterator[tuple[tuple, object]]:
    for job in jobs:
        yield job, function(*job)


def _in_workers(function: Callable, jobs: Iterable[tuple], n_processes: int) -> Iterator[tuple[tuple, object]]:
    waiting = iter(jobs)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_processes, context, _start_worker) as executor:
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
            raise RuntimeError(
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
