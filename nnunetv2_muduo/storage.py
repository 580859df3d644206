"""Files that are written beside and renamed into place, so that what is there is whole; arrays of the prepared data."""

import hashlib
import json
import math
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

PART = ".part"
_FRAME_START = 15  # bytes of a .b2nd file up to the length of its header
_SECONDS_OF_A_LEFTOVER = 3600  # nothing here takes as long to write


class DamagedFile(ValueError):
    """A file of the prepared data is missing, truncated or damaged; the message names it."""


@contextmanager
def replacing(path: Path, temporary: Path | None = None) -> Iterator[Path]:
    """A place to write to, renamed to `path` when all went well: a reader sees the old file or the new one.

    A device or a pipe, such as /dev/stdout, is written to as it is.

    Args:
        temporary: the place, on the same disk, where a hidden file beside `path` that ends in .part won't do.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        with naming_file(path):
            yield path
        return
    temporary = temporary or path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}{PART}")
    with naming_file(path, temporary):
        temporary.unlink(missing_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def naming_file(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Give an OSError that names no file (a full disk's), or a temporary one, the name of the file that is being written."""
    try:
        yield
    except OSError as error:
        if type(error) is OSError and error.errno is None:
            raise OSError(_naming(path, temporary, str(error))) from error
        if error.errno is not None and error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise


def _naming(path: Path, temporary: Path | None, message: str) -> str:
    """A message of this package names its file; numpy's tells no more than how many bytes there was room for."""
    message = message.replace(str(temporary), str(path))
    if str(path) in message:
        return message
    return f"{path} could not be written whole ({message}). Make room, then run the command again."


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


def require_writable(folder: Path) -> None:
    """Raises OSError, naming the folder, where nothing can be written into it, or into the one that it would be made in."""
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(there)) from error


def file_stamp(path: Path, name: str) -> list:
    """Name, size and time of change of a file, which JSON keeps: an equal stamp means an unchanged file."""
    stat = path.stat()
    return [name, stat.st_size, stat.st_mtime_ns]


def file_stamps(files: list[str]) -> list[list]:
    """Stamps of files by their names alone, each with the file's sha256: files that are moved or copied keep them."""
    return [[*file_stamp(Path(file), Path(file).name), file_digest(Path(file))] for file in files]


def is_unchanged(stamps: list[list], files: list[str]) -> bool:
    """Whether files have the content that they had when `file_stamps` was taken; they are read where their time differs."""
    return len(stamps) == len(files) and all(map(_has_stamp, map(Path, files), stamps))


def _has_stamp(path: Path, stamp: list) -> bool:
    name, n_bytes, time_ns, *sha256 = stamp
    stat = path.stat()
    if (path.name, stat.st_size) != (name, n_bytes):
        return False
    if not sha256:  # as 0.1.0 wrote them, and of files that can't be used; archives keep whole seconds
        return stat.st_mtime_ns in (time_ns, time_ns // 10**9 * 10**9)
    return stat.st_mtime_ns == time_ns or file_digest(path) == sha256[0]


def with_present_times(stamps: list[list], files: list[str]) -> list[list]:
    """Stamps of unchanged files with the times that these have now, so that they needn't be read again."""
    return [
        [*file_stamp(Path(file), stamp[0]), *stamp[3:]] if stamp[3:] else stamp
        for file, stamp in zip(files, stamps, strict=True)
    ]


def content_of(stamps: list[list]) -> list[list]:
    """Stamps without the time of change, which is no content; those of 0.1.0 have nothing else and stay as they are."""
    return [[*stamp[:2], *stamp[3:]] if stamp[3:] else stamp for stamp in stamps]


def file_digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal digits."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha256.update(block)
    return sha256.hexdigest()


def write_text(text: str, path: Path, temporary: Path | None = None) -> None:
    """Write a text in one step; see `replacing`."""
    with replacing(path, temporary) as place:
        place.write_text(text, encoding="utf-8")


def write_json(content: Any, path: Path, temporary: Path | None = None) -> None:
    """Write JSON in one step; see `replacing`."""
    write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", path, temporary)


def read_json(path: Path) -> Any:
    """Content of a JSON file, None where it is missing or unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def write_array(array: np.ndarray, path: Path, patch_size: list[int]) -> None:
    """Write an array [channels, a, b, c] as .b2nd in one step, in chunks that suit patches of `patch_size`.

    Raises:
        OSError: there is no room for it, or it may not be written; the file is named.
    """
    import blosc2  # here, since converting data needs files and no arrays
    from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params

    blocks, chunks = comp_blosc2_params(array.shape, tuple(patch_size), array.itemsize)
    cparams = {"codec": blosc2.Codec.ZSTD, "clevel": 3, "filters": [blosc2.Filter.SHUFFLE], "nthreads": 4}
    layout = {"chunks": chunks, "blocks": blocks, "cparams": cparams}
    with replacing(path) as temporary:
        try:
            blosc2.asarray(np.ascontiguousarray(array), urlpath=str(temporary), **layout)
        except RuntimeError as error:  # blosc2's, which does not tell that a disk is full
            raise OSError(
                f"{path} could not be written whole ({error}). Make room, then run the command again."
            ) from error


class StoredArray:
    """Array in a .b2nd file that reads like one of numpy; only what is asked for is read.

    Raises:
        DamagedFile: on opening and on reading.
    """

    def __init__(self, path: Path):
        import blosc2

        self.path = path
        with naming_damage(path):
            _refuse_programs(path)
        mmap = {} if os.name == "nt" else {"mmap_mode": "r"}  # mapping fails on Windows (nnU-Net issue 2723)
        with naming_damage(path):
            self._array = blosc2.open(urlpath=str(path), mode="r", dparams={"nthreads": 1}, **mmap)
            self.shape, self.dtype = self._array.shape, self._array.dtype
            if self.dtype.kind not in "iuf":
                raise ValueError(f"it holds {self.dtype}, no numbers")
            _require_fitting_sizes(self._array)

    def __getitem__(self, region) -> np.ndarray:
        with naming_damage(self.path):
            return self._array[region]


def _require_fitting_sizes(array) -> None:
    """Refuse a header whose sizes contradict each other: a damaged one would have any memory asked for.

    Source: https://github.com/Blosc/c-blosc2/blob/main/README_B2ND_METALAYER.rst (chunks are padded to whole blocks).
    """
    n_chunks = math.prod(math.ceil(n / of) for n, of in zip(array.shape, array.chunks, strict=True))
    padded = math.prod(math.ceil(n / of) * of for n, of in zip(array.chunks, array.blocks, strict=True))
    if array.schunk.nbytes != n_chunks * padded * array.dtype.itemsize:
        raise ValueError(f"its header contradicts itself about the shape {tuple(array.shape)}")


def _refuse_programs(path: Path) -> None:
    """Refuse a file that is more than an array: blosc2 before 4.4 computes what such a file says as soon as it is opened.

    Source: https://github.com/Blosc/c-blosc2/blob/main/README_CFRAME_FORMAT.rst (header: msgpack, its metalayers last).
    """
    import msgpack  # blosc2's own dependency

    with path.open("rb") as file:
        start = file.read(_FRAME_START)
        header = start + file.read(max(0, min(int.from_bytes(start[-4:], "big"), path.stat().st_size) - _FRAME_START))
    _, offsets, _ = msgpack.unpackb(header)[-1]
    if set(offsets) != {"b2nd"}:
        raise ValueError(f"it holds {', '.join(map(str, offsets)) or 'no shape'} beside an array")


def digest(content: Any) -> str:
    """Short sha256 of an array's or a JSON-able object's content."""
    data = content.tobytes() if isinstance(content, np.ndarray) else json.dumps(content, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()[:16]
