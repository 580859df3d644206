"""Boxes and clicks of the CVPR 2025 challenge of interactive segmentation (.npz), in voxels in the array's order (z, y, x).

    boxes: per object {"z_min", "z_max", "z_mid_y_min", "z_mid_y_max", "z_mid_x_min", "z_mid_x_max"}, both ends inside
    clicks: per object {"fg": [[z, y, x], ...], "bg": [...]}
    prev_pred: label map to begin with
    imgs: the image, of which the size alone is looked at

The image itself is given as a file in HU or SUV, since `imgs` has gray values of 8 bits.
Source: https://github.com/JunMa11/CVPR-MedSegFMCompetition
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from nnunetv2_muduo.prompting.prompt_files.file_prompt import FilePrompt, naming, one_place
from nnunetv2_muduo.prompting.prompt_files.label_masks import MOST_OBJECTS, mask_prompts
from nnunetv2_muduo.prompting.prompt_files.plain_pickle import plain_pickle
from nnunetv2_muduo.prompting.prompts import places_array
from nnunetv2_muduo.prompting.space import ImageSpace
from nnunetv2_muduo.user_files import require_file

MOST_PROMPT_BYTES = 2**24
"""Unpacked, of boxes and of clicks: room for a hundred thousand."""
_BOX_KEYS = [f"{axis}_{end}" for end in ("min", "max") for axis in ("z", "z_mid_y", "z_mid_x")]
_CLICKS = {"fg": True, "bg": False}


def read_npz(path: Path, space: ImageSpace) -> Iterator[FilePrompt]:
    """Prompts of objects "1", "2", ... in the order of boxes and clicks.

    Raises:
        FileNotFoundError, ValueError: no such file; damaged, of another image, hostile; the message names the key.
    """
    require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _prompts(archive, path, space)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path} can't be read, truncated or damaged ({error}).") from error


def _prompts(archive: zipfile.ZipFile, path: Path, space: ImageSpace) -> Iterator[FilePrompt]:
    names = archive.namelist()
    if not {"boxes.npy", "clicks.npy", "prev_pred.npy"} & set(names):
        raise ValueError(
            f"{path} has none of boxes, clicks and prev_pred. It has {', '.join(names)[:200] or 'nothing'}."
        )
    shape = space.file_grid.size[::-1]
    if "imgs.npy" in names and (found := _shape(archive, path, "imgs")) != shape:
        raise ValueError(f"{path}: imgs has the size {found} (z, y, x), the image {shape}. Is it of another image?")
    if "prev_pred.npy" in names:
        yield from _masks(archive, path, space)
    for number, box in enumerate(_objects(archive, path, "boxes")):
        yield from _box(box, f"{path}: boxes[{number}]", str(number + 1), space)
    for number, clicks in enumerate(_objects(archive, path, "clicks")):
        yield from _points(clicks, f"{path}: clicks[{number}]", str(number + 1), space)


def _objects(archive: zipfile.ZipFile, path: Path, key: str) -> list[Any]:
    """A list that was written as a pickle; none where the key isn't there."""
    if f"{key}.npy" not in archive.namelist():
        return []
    with naming(f"{path}: {key}"), archive.open(f"{key}.npy") as member:
        content = member.read(MOST_PROMPT_BYTES + 1)
        if len(content) > MOST_PROMPT_BYTES:
            raise ValueError(f"it is larger than {MOST_PROMPT_BYTES / 2**20:.0f} MB unpacked.")
        file = io.BytesIO(content)
        _, _, dtype = _array_header(file)
        if dtype.hasobject:
            objects = plain_pickle(file)
        elif len(content) == file.tell():  # an empty list, which numpy keeps as numbers
            objects = []
        else:
            raise ValueError("it must be a list with an object {...} for each class.")
    if not isinstance(objects, list) or len(objects) > MOST_OBJECTS:
        raise ValueError(f"{path}: {key} must be a list of at most {MOST_OBJECTS} objects.")
    return objects


def _array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape of an array, whether its first axis runs fastest, and its type. Raises ValueError."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _shape(archive: zipfile.ZipFile, path: Path, key: str) -> tuple[int, ...]:
    with naming(f"{path}: {key}"), archive.open(f"{key}.npy") as member:
        return _array_header(member)[0]


def _masks(archive: zipfile.ZipFile, path: Path, space: ImageSpace) -> list[FilePrompt]:
    """The earlier prediction, read after its size was compared with the image's: no more than that is unpacked."""
    with naming(f"{path}: prev_pred"), archive.open("prev_pred.npy") as member:
        shape, is_fortran, dtype = _array_header(member)
        if shape != space.file_grid.size[::-1] or dtype.kind not in "biu":
            raise ValueError(f"it must be whole numbers of the image's size, found {dtype} of {shape} (z, y, x).")
        n_bytes = int(np.prod(shape)) * dtype.itemsize
        content = member.read(n_bytes)
        if len(content) != n_bytes:
            raise ValueError("it is shorter than its size.")
    labels = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
    return mask_prompts(labels, space.of_file_array, f"{path}: prev_pred")


def _box(box: Any, source: str, name: str, space: ImageSpace) -> Iterator[FilePrompt]:
    if box is None or box == {}:
        return
    if not isinstance(box, dict) or (missing := [key for key in _BOX_KEYS if key not in box]):
        raise ValueError(f"{source} has no {', '.join(missing) if isinstance(box, dict) else 'keys'}.")
    with naming(source):
        corners_zyx = places_array([one_place([box[key] for key in _BOX_KEYS[i : i + 3]]) for i in (0, 3)])
    yield FilePrompt("box", True, space.file_voxels_to_mm(corners_zyx[:, ::-1]), source, name)


def _points(clicks: Any, source: str, name: str, space: ImageSpace) -> Iterator[FilePrompt]:
    if not isinstance(clicks, dict) or not all(isinstance(clicks.get(key, []), list) for key in _CLICKS):
        raise ValueError(f"{source} must have the lists fg and bg.")
    for key, positive in _CLICKS.items():
        for number, place in enumerate(clicks.get(key, [])):
            with naming(f"{source}.{key}[{number}]"):
                (zyx,) = places_array(one_place(place))
            places_mm = space.file_voxels_to_mm(zyx[::-1])
            yield FilePrompt("point", positive, places_mm, f"{source}.{key}[{number}]", name)
