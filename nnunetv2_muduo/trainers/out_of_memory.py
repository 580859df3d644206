"""Fallback to smaller chunks when the GPU has no room for the teachers."""

from collections.abc import Callable
from typing import Any

import torch
from nnunetv2.utilities.helpers import empty_cache

_ONE_AT_A_TIME = 1


class ChunkFallback:
    """Calls the parts of the teacher stage, whose last argument is how many organs (or patches) they take at a time.

    That is None, as many as usual, until the GPU runs out of memory. Then that part is repeated with one at a time, and so
    it stays for the rest of the training; results are the same. Parts hold no exchange between processes: one that repeats
    a part lets the others wait, nothing more.
    """

    def __init__(self, device: torch.device, log: Callable[[str], None]):
        self.chunk: int | None = None
        self._device = device
        self._log = log

    def __call__(self, part: Callable, *arguments) -> Any:
        """What the part returns.

        Raises:
            RuntimeError: there is not enough memory for one at a time either.
        """
        try:
            return part(*arguments, self.chunk)
        except torch.OutOfMemoryError as error:
            if self.chunk is not None:
                raise RuntimeError(
                    f"The GPU has too little memory for the teachers, even with one organ at a time ({error}). Set "
                    f"unlabeled_batch_size: 1, average_share: 0 or teachers: ct in the MuDuo config, or take a GPU with more "
                    f"memory."
                ) from error
        # Not inside the except clause, where the traceback would keep the memory of what failed.
        self.chunk = _ONE_AT_A_TIME
        self._log("The GPU ran out of memory in the teacher stage: from now on it takes one organ at a time.")
        empty_cache(self._device)
        return self(part, *arguments)
