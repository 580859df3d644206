"""Work that several processes may be at: each piece is done by one of them, the others wait for it or take what it made."""

import errno
import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""What network disks without locks answer."""


@contextmanager
def claimed(lock_file: Path, what: str, say: Callable[[str], None] = print) -> Iterator[None]:
    """Hold a lock, which ends with the process that holds it, also a killed one; wait where another process has it.

    Args:
        what: what the other process does, for the message of who waits.
    """
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"Waiting for another process that {what} ({lock_file}).")
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        # Locks save work and no more: files are replaced as a whole.
    try:
        yield
    finally:
        lock.release()


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Say by a lock that this process is at work in a folder, so that nothing in it is taken for unused."""
    folder.mkdir(parents=True, exist_ok=True)
    with _claimed_for_once(folder / f".preparing_{socket.gethostname()}_{os.getpid()}.lock", "prepares"):
        yield


@contextmanager
def _claimed_for_once(lock_file: Path, what: str) -> Iterator[None]:
    """`claimed`, by a lock whose file is removed while it is held: whoever waits for it sees that, and makes another."""
    with claimed(lock_file, what):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no file that another process has opened
                lock_file.unlink(missing_ok=True)


@dataclass(frozen=True)
class CaseClaims:
    """Cases to be made in a folder, where a case's record `CASE.json` is written last."""

    folder: Path
    records: dict[str, int | None]
    """When each record was written, in ns, as it was when the work began; None: there was none."""

    @classmethod
    def begin(cls, folder: Path, cases: list[str]) -> "CaseClaims":
        """Note which records there are now."""
        return cls(folder, {case: _written_ns(folder / f"{case}.json") for case in cases})

    @contextmanager
    def claim(self, case: str, what: str) -> Iterator[bool]:
        """Hold a case. Yields whether its record is as it was: otherwise another process has written it meanwhile."""
        with _claimed_for_once(self.folder / f".{case}.lock", f"{what} {case}"):
            yield _written_ns(self.folder / f"{case}.json") == self.records[case]


def in_any_order(cases: list) -> list:
    """Cases in an order of this process's own, so that processes that share them seldom wait for each other.

    Drawn from the operating system, which leaves the training's random numbers as they are.
    """
    return random.SystemRandom().sample(cases, len(cases))


def _written_ns(file: Path) -> int | None:
    return file.stat().st_mtime_ns if file.is_file() else None
