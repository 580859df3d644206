"""Many independent jobs over processes, with a progress bar; one that fails does not stop the others."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from tqdm import tqdm

N_TRIES = 2
N_SHOWN = 10


def run_all(
    job: Callable[[tuple], None], items: Sequence[tuple], n_processes: int, description: str
) -> dict[str, Exception]:
    """Call `job` on every item, whose first element is its name; a second time where it fails. One process means this one.

    Returns:
        What the jobs raised that failed twice or whose process was killed, by name; the others are done.
    """
    failures: dict[str, Exception] = {}
    with tqdm(total=len(items), desc=description) as bar:
        for name, error in _outcomes(job, items, min(n_processes, len(items))):
            if error is not None:
                failures[name] = error
            bar.update()
    return failures


def listed(reasons: dict[str, Any]) -> str:
    """Lines with the first ten names and their reasons."""
    lines = [f"  {name}: {str(reason) or type(reason).__name__}" for name, reason in list(reasons.items())[:N_SHOWN]]
    return "\n".join(lines + ([f"  and {len(reasons) - N_SHOWN} more"] if len(reasons) > N_SHOWN else []))


_KILLED = RuntimeError("a process was killed, probably for lack of memory; use fewer of them (-np)")


def _outcomes(job: Callable, items: Sequence[tuple], n_processes: int) -> Iterator[tuple[str, Exception | None]]:
    """(name, exception or None) of every item, as they end."""
    if n_processes <= 1:
        for item in items:
            yield item[0], _exception_of(job, item)
        return
    # A worker that is killed (out of memory, say) ends this pool with an error, where multiprocessing.Pool would hang.
    with ProcessPoolExecutor(n_processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(_exception_of, job, item): item[0] for item in items}
        for future in as_completed(futures):
            yield futures[future], _KILLED if future.exception() else future.result()


def _exception_of(job: Callable, item: tuple) -> Exception | None:
    for _ in range(N_TRIES):
        try:
            job(item)
            return None
        except Exception as error:  # whatever it is, run_all returns it with the name of its item
            last = error
    return last
