"""Files of the prepared data: written beside and renamed into place, so that what is there is whole."""

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import blosc2
import numpy as np
from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params

PART = ".part"
_SECONDS_OF_A_LEFTOVER = 3600  # nothing here takes as long to write


class DamagedFile(ValueError):
    """A file of the prepared data is missing, truncated or damaged; the message names it."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to, renamed to it when all went well: a reader sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}{PART}")
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes have left half written; files that another process may be writing now stay."""
    for file in folder.glob(f".*{PART}"):
        if time.time() - file.stat().st_mtime > _SECONDS_OF_A_LEFTOVER:
            file.unlink(missing_ok=True)


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Turn whatever reading a file raises into a DamagedFile that names it."""
    try:
        yield
    except (DamagedFile, MemoryError):
        raise
    except Exception as error:  # of blosc2, numpy, zipfile, json: each has its own
        reason = str(error).strip() or type(error).__name__
        raise DamagedFile(
            f"{path} can't be read ({reason}): missing, truncated or damaged. Remove it and run `muduo prepare` again."
        ) from error


def file_stamps(files: list[str]) -> list[list]:
    """Name, size and time of change of files: equal stamps mean unchanged files."""
    return [[Path(f).name, os.stat(f).st_size, os.stat(f).st_mtime_ns] for f in files]


def write_json(content: Any, path: Path) -> None:
    """Write JSON in one step."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_json(path: Path) -> Any:
    """Content of a JSON file, None where it is missing or unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def write_array(array: np.ndarray, path: Path, patch_size: list[int]) -> None:
    """Write an array [channels, a, b, c] as .b2nd in one step, in chunks that suit patches of `patch_size`."""
    blocks, chunks = comp_blosc2_params(array.shape, tuple(patch_size), array.itemsize)
    cparams = {"codec": blosc2.Codec.ZSTD, "clevel": 3, "filters": [blosc2.Filter.SHUFFLE], "nthreads": 4}
    with replacing(path) as temporary:
        blosc2.asarray(
            np.ascontiguousarray(array), urlpath=str(temporary), chunks=chunks, blocks=blocks, cparams=cparams
        )


class StoredArray:
    """Array in a .b2nd file that reads like one of numpy; only what is asked for is read.

    Raises:
        DamagedFile: on opening and on reading.
    """

    def __init__(self, path: Path):
        self.path = path
        mmap = {} if os.name == "nt" else {"mmap_mode": "r"}  # mapping fails on Windows (nnU-Net issue 2723)
        with naming_damage(path):
            self._array = blosc2.open(urlpath=str(path), mode="r", dparams={"nthreads": 1}, **mmap)
        self.shape, self.dtype = self._array.shape, self._array.dtype

    def __getitem__(self, region) -> np.ndarray:
        with naming_damage(self.path):
            return self._array[region]


def digest(content: Any) -> str:
    """Short sha256 of an array's or a JSON-able object's content."""
    data = content.tobytes() if isinstance(content, np.ndarray) else json.dumps(content, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()[:16]
