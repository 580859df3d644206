"""Files of the prepared data: written beside and renamed into place, so that what is there is whole."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import blosc2
import numpy as np
from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params


def write_json(content: Any, path: Path) -> None:
    """Write JSON in one step: a reader sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """Content of a JSON file, None where it is missing or unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def write_array(array: np.ndarray, path: Path, patch_size: list[int]) -> None:
    """Write an array [channels, a, b, c] as .b2nd in one step, in chunks that suit patches of `patch_size`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    blocks, chunks = comp_blosc2_params(array.shape, tuple(patch_size), array.itemsize)
    cparams = {"codec": blosc2.Codec.ZSTD, "clevel": 3, "filters": [blosc2.Filter.SHUFFLE], "nthreads": 4}
    blosc2.asarray(np.ascontiguousarray(array), urlpath=str(temporary), chunks=chunks, blocks=blocks, cparams=cparams)
    temporary.replace(path)


def open_array(path: Path) -> blosc2.NDArray:
    """Array in a .b2nd file, opened for reading parts of it."""
    mmap = {} if os.name == "nt" else {"mmap_mode": "r"}  # mapping fails on Windows (nnU-Net issue 2723)
    return blosc2.open(urlpath=str(path), mode="r", dparams={"nthreads": 1}, **mmap)


def digest(content: Any) -> str:
    """Short sha256 of an array's or a JSON-able object's content."""
    data = content.tobytes() if isinstance(content, np.ndarray) else json.dumps(content, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()[:16]
