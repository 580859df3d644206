"""Checkpoints of a training: written whole or not at all, and inspected before a training goes on from one.

nnU-Net's files are pickles. They are read from the results folder alone, never from elsewhere: teachers' weights, which come
from other people, go through `teachers.checkpoint`.
"""

import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from nnunetv2_muduo.storage import PART, replacing

STATE_KEY = "muduo"  # where our own entries stand in the init_args of a checkpoint
FINAL, LATEST, PREVIOUS, BEST = (f"checkpoint_{which}.pth" for which in ("final", "latest", "previous", "best"))
RESUMABLE = (FINAL, LATEST, PREVIOUS, BEST)
"""What a training goes on from, the first that is there. `previous` is ours: the latest before the latest."""
_ENTRIES = {"init_args", "trainer_name", "network_weights"}  # that are looked at, of all that nnU-Net writes


class DamagedCheckpoint(ValueError):
    """A file that can't be read as a checkpoint of nnU-Net."""


def resumable(folder: Path, first: str = FINAL) -> list[Path]:
    """The checkpoints in a folder, the one to go on from first; only `first` and those that come after it.

    nnU-Net, which knows no previous one, asks for the best where the latest is missing: the previous is then taken.
    """
    start = min(RESUMABLE.index(first), RESUMABLE.index(PREVIOUS)) if first in RESUMABLE else 0
    return [folder / name for name in RESUMABLE[start:] if (folder / name).is_file()]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's content, its tensors left on disk until they are used.

    Raises:
        DamagedCheckpoint: truncated, or no checkpoint of nnU-Net.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=False, mmap=True)
        missing = _ENTRIES - content.keys()
        if missing:
            raise ValueError(f"it has no {', '.join(sorted(missing))}")
        return content
    except Exception as error:  # zip archive, pickle and torch have one each
        raise DamagedCheckpoint(f"{path} can't be read as a checkpoint ({_first_line(error)}).") from error


def why_not_to_continue(path: Path, trainer_name: str) -> str | None:
    """Why a training can't go on from a checkpoint, None where it can. Every byte is read and compared with its checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        content = read_checkpoint(path)
    except (zipfile.BadZipFile, DamagedCheckpoint, OSError, EOFError) as error:
        return f"truncated or damaged: {_first_line(error)}"
    if damaged is not None:
        return f"damaged: {damaged} differs from its checksum"
    if content["trainer_name"] != trainer_name or STATE_KEY not in content["init_args"]:
        return f"written by {content['trainer_name']}"
    return None


def set_aside_unfit(folder: Path, trainer_name: str) -> dict[Path, str]:
    """Rename checkpoints that a training can't go on from, so that none is used or overwritten.

    Returns:
        The new names, with the reasons.
    """
    reasons = {path: why_not_to_continue(path, trainer_name) for path in resumable(folder)}
    return {_set_aside(path): f"{path.name} is {reason}" for path, reason in reasons.items() if reason is not None}


@contextmanager
def written_whole(path: Path, n_bytes: int) -> Iterator[Path]:
    """A place to write a checkpoint of about `n_bytes` to, which gets its name when it is whole.

    The latest checkpoint that was there becomes the previous one.

    Raises:
        RuntimeError: it could not be written, as on a full disk. What was written is removed, older checkpoints stay.
    """
    with replacing(path, path.with_name(f"{path.name}{PART}")) as temporary:
        try:
            yield temporary
        except (OSError, RuntimeError) as error:  # torch's RuntimeError does not tell that a disk is full
            temporary.unlink(missing_ok=True)
            raise RuntimeError(
                f"{path} could not be written ({_first_line(error)}). It needs about {n_bytes:,} bytes, "
                f"{shutil.disk_usage(path.parent).free:,} are free. Older checkpoints there are whole "
                f"({', '.join(p.name for p in resumable(path.parent)) or 'none yet'}): make room, then continue with --c."
            ) from error
        if path.name == LATEST and path.is_file():
            path.replace(path.with_name(PREVIOUS))


def remove_half_written(folder: Path) -> None:
    """Remove checkpoints that a killed training was writing; a fold's folder is written by one training at a time."""
    for path in folder.glob(f"*{PART}"):
        path.unlink(missing_ok=True)


def remove_superseded(folder: Path) -> None:
    """Remove what a training that was killed at its very end has left beside its final checkpoint."""
    remove_half_written(folder)
    for name in (LATEST, PREVIOUS):
        (folder / name).unlink(missing_ok=True)


def _set_aside(path: Path) -> Path:
    return path.rename(path.with_name(f"unfit_{int(time.time())}_{path.name}"))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
