"""What every reader of prompts gives back, and how it names what is wrong with a file."""

import reprlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2_muduo.prompting.prompts import Prompt, places_array
from nnunetv2_muduo.prompting.space import ImageSpace

ONLY_OBJECT = "1"
"""Name of the object in formats that know one alone."""


@dataclass(frozen=True)
class FilePrompt:
    """A prompt of a file, before its object has a number.

    kind, positive, places_mm, mask: as of `Prompt`.
    source: the file, and key or line in it, for messages.
    object_name: as the file calls it.
    """

    kind: str
    positive: bool
    places_mm: np.ndarray
    source: str
    object_name: str = ONLY_OBJECT
    mask: np.ndarray | None = None

    def numbered(self, object_id: int) -> Prompt:
        """As a session takes it."""
        return Prompt(self.kind, object_id, self.positive, self.places_mm, self.mask)


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Put file and key before the message of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def point(place: Any, positive: bool, source: str, space: ImageSpace | None = None) -> FilePrompt:
    """A click at a place in mm or, with `space`, at a voxel (x, y, z) of its file. Raises ValueError, naming the source."""
    with naming(source):
        (xyz,) = places_array(one_place(place))
    return FilePrompt("point", positive, (xyz[None] if space is None else space.file_voxels_to_mm(xyz)), source)


def one_place(place: Any) -> Sequence:
    """The value of a file, where it is three coordinates. Raises ValueError."""
    if not isinstance(place, (list, tuple)) or len(place) != 3 or not all(type(one) in (int, float) for one in place):
        raise ValueError(f"a place has three coordinates (x, y, z), found {reprlib.repr(place)}.")
    return place


def entry(content: Any, key: str, kind: type, path: Path, place: str = "") -> Any:
    """A value of an object in a file. Raises ValueError where it isn't there, or is of another kind."""
    where = f"{place}.{key}" if place else key
    if not isinstance(content, dict) or key not in content:
        raise ValueError(f"{path} has no {where}.")
    if not isinstance(content[key], kind):
        raise ValueError(
            f"{path}: {where} is no {'list' if kind is list else 'text'}, found {reprlib.repr(content[key])}."
        )
    return content[key]
