"""Many independent jobs over processes, with a progress bar; one that fails does not stop the others."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from tqdm import tqdm


def run_all(job: Callable[[tuple], None], items: Sequence[tuple], n_processes: int, description: str) -> None:
    """Call `job` on every item, whose first element is its name. One process means this one.

    Raises:
        RuntimeError: some jobs failed; the first ten are named with their reasons. The others are done.
    """
    failures: dict[str, str] = {}
    with tqdm(total=len(items), desc=description) as bar:
        for name, error in _outcomes(job, items, min(n_processes, len(items))):
            if error is not None:
                failures[name] = str(error) or type(error).__name__
            bar.update()
    if failures:
        lines = [f"  {name}: {reason}" for name, reason in list(failures.items())[:10]]
        raise RuntimeError(
            f"{description}: {len(failures)} of {len(items)} failed, the others are done.\n" + "\n".join(lines)
        )


def _outcomes(job: Callable, items: Sequence[tuple], n_processes: int):
    """(name, exception or None) of every item, as they end."""
    if n_processes <= 1:
        for item in items:
            yield item[0], _exception_of(job, item)
        return
    # A worker that is killed (out of memory, say) ends this pool with an error, where multiprocessing.Pool would hang.
    with ProcessPoolExecutor(n_processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(_exception_of, job, item): item[0] for item in items}
        for future in as_completed(futures):
            broken: Any = future.exception()
            yield futures[future], broken or future.result()


def _exception_of(job: Callable, item: tuple) -> Exception | None:
    try:
        job(item)
    except Exception as error:  # whatever it is, it is reported with the name of its item by run_all
        return error
    return None
