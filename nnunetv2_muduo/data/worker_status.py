"""Status shared by data-loading workers, to explain a crash and to name a case that can't be read."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import util

import numpy as np

from nnunetv2_muduo.storage import DamagedFile

_MOST_WORKERS, _TEXT_BYTES = 256, 2048
_READING, _FAILED, _DONE = 1, 2, 3


class DamagedCase(RuntimeError):
    """A preprocessed case can't be read."""

    def __init__(self, case: str, reason: str):
        super().__init__(f"Case {case} can't be read: {reason}")
        self.case = case


class WorkerStatus:
    """A line from every worker process about what it reads, in memory that all processes share and that outlives them."""

    def __init__(self):
        self._n_taken = multiprocessing.Value("i", 0)
        self._pids = multiprocessing.RawArray("i", _MOST_WORKERS)
        self._states = multiprocessing.RawArray("b", _MOST_WORKERS)
        self._lines = [multiprocessing.RawArray("c", _TEXT_BYTES) for _ in range(_MOST_WORKERS)]

    @contextmanager
    def reading(self, case: str) -> Iterator[None]:
        """Note what is read inside, and what goes wrong with it. Raises DamagedCase, whatever the reason."""
        self._note(_READING, case)
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # of blosc2, pickle, numpy: each has its own
            damaged = DamagedCase(case, str(error) if isinstance(error, DamagedFile) else _advice(error))
            self.failed(str(damaged))
            raise damaged from error

    def failed(self, why: str) -> None:
        """Note why this process can't go on."""
        self._note(_FAILED, why)

    def trouble(self) -> str | None:
        """Why a worker stopped, as far as is known; None where all are well or have ended by themselves."""
        n = min(self._n_taken.value, _MOST_WORKERS)
        lines = {slot: self._lines[slot].value.decode(errors="replace") for slot in range(n)}
        failed = [line for slot, line in lines.items() if self._states[slot] == _FAILED]
        if failed:
            return f"A process that loads data stopped. {failed[0]}"
        alive = {process.pid for process in multiprocessing.active_children()}
        killed = [
            line for slot, line in lines.items() if self._states[slot] == _READING and self._pids[slot] not in alive
        ]
        if not killed:
            return None
        return (
            f"A process that loads data was killed, probably for lack of memory, at case {' or '.join(killed)}. Use fewer of "
            f"them (nnUNet_n_proc_DA=N, 0 for none), then continue with --c."
        )

    def _note(self, state: int, line: str) -> None:
        if multiprocessing.parent_process() is None:  # no worker: what goes wrong here is seen anyway
            return
        slot = self._own_slot()
        self._lines[slot].value = line.encode()[: _TEXT_BYTES - 1]
        self._states[slot] = state

    def _own_slot(self) -> int:
        pid = multiprocessing.current_process().pid
        for slot in range(min(self._n_taken.value, _MOST_WORKERS)):
            if self._pids[slot] == pid:
                return slot
        with self._n_taken.get_lock():
            slot = self._n_taken.value % _MOST_WORKERS
            self._n_taken.value += 1
        self._pids[slot] = pid
        util.Finalize(None, self._done, args=(slot,), exitpriority=0)  # not called where a process is killed
        return slot

    def _done(self, slot: int) -> None:
        if self._states[slot] == _READING:
            self._states[slot] = _DONE


class TrackedDataset:
    """A data set of nnU-Net for its loaders, which notes each case as it is read and names the one that can't be."""

    def __init__(self, dataset, notes: WorkerStatus):
        self.dataset = dataset
        self.notes = notes
        self.identifiers = dataset.identifiers

    def load_case(self, identifier: str) -> tuple:
        """As nnU-Net's data sets do. Raises DamagedCase, here or when an array is read."""
        with self.notes.reading(identifier):
            *arrays, properties = self.dataset.load_case(identifier)
        noted = [None if array is None else _TrackedArray(array, identifier, self.notes) for array in arrays]
        return (*noted, properties)


class _TrackedArray:
    def __init__(self, array, case: str, notes: WorkerStatus):
        self.shape, self.dtype = array.shape, array.dtype
        self._array, self._case, self._notes = array, case, notes

    def __getitem__(self, region) -> np.ndarray:
        with self._notes.reading(self._case):
            return self._array[region]


def _advice(error: Exception) -> str:
    return f"{str(error).strip() or type(error).__name__}. Remove its preprocessed files and run nnUNetv2_preprocess again."
