"""What an image shows, whatever its file is called: equal voxels are the same scan.

A file's own sha256 doesn't tell it: packing anew, another time in gzip's header, another type of numbers, another text in the
header or axes that run the other way change every byte and no voxel.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.grid import Grid, read_affine_grid, read_grid
from nnunetv2_muduo.imageio.nifti_header import is_nifti, open_unpacked
from nnunetv2_muduo.imageio.refusal import CaseRefused, refusing_damage

_SLICES_AT_FIRST = (1, 8, 64)
"""How many slices are read to tell images apart; more where those are empty, as of a CT that is shorter than the PET."""


def voxel_digest(values: np.ndarray) -> str:
    """Hash of an image's size and its values in float32, axes (z, y, x); where it lies and which way axes run does not count."""
    digest = hashlib.blake2b(str(values.shape).encode(), digest_size=16)
    for slice_values in _run_one_way(values):  # one by one, since a whole body in another type is a copy of it
        digest.update((slice_values.astype("<f4") + np.float32(0)).tobytes())  # + 0 makes 0 of -0
    return digest.hexdigest()


def _run_one_way(values: np.ndarray) -> np.ndarray:
    """The same array for an image and its mirror images: each axis runs towards the brighter half."""
    for axis, n in enumerate(values.shape):
        profile = values.sum(tuple({0, 1, 2} - {axis}), dtype=np.float64)
        if profile @ (np.arange(n) - (n - 1) / 2) < 0:
            values = np.flip(values, axis)
    return values


def equal_images(paths: Iterable[Path]) -> list[list[Path]]:
    """Groups of two and more files with equal voxels; files that can't be read are in none.

    Only what has the same size is opened, and only what is alike at the feet is read to its end.
    """
    groups = [list(paths)]
    for property_of in (_size, _start, _whole):
        groups = [alike for group in groups for alike in _alike(group, property_of)]
    return groups


def _alike(paths: list[Path], property_of) -> list[list[Path]]:
    by_property: dict = {}
    for path in paths:
        try:
            by_property.setdefault(property_of(path.resolve()), []).append(path)
        except CaseRefused:
            continue
    return [alike for alike in by_property.values() if len(alike) > 1]


def _size(path: Path) -> tuple[int, ...]:
    return _grid(path).size


def _grid(path: Path) -> Grid:
    try:
        return read_grid(path)
    except CaseRefused:
        if not is_nifti(path.name):
            raise
        return read_affine_grid(path)  # whose axes are not at right angles, which ITK can't read


def _start(path: Path) -> str:
    """Digest of the lowest slices that are not empty."""
    grid = _grid(path)
    n_slices, begins_at_feet = grid.size[2], grid.matrix[2, 2] > 0
    for n in (*(n for n in _SLICES_AT_FIRST if n < n_slices), n_slices):
        values = _first_slices(path, n) if begins_at_feet else _first_slices(path, n_slices)[-n:]
        if values.min() != values.max():
            break
    return voxel_digest(values)


def _first_slices(path: Path, n: int) -> np.ndarray:
    """The first n slices [z, y, x] of an image, read no further than needed where the format allows it."""
    with refusing_damage(str(path)):
        if is_nifti(path.name):
            with open_unpacked(path) as file:
                return np.asarray(nibabel.Nifti1Image.from_stream(file).dataobj[..., :n]).T
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        reader.SetExtractSize([*reader.GetSize()[:2], n])
        return sitk.GetArrayFromImage(reader.Execute())


def _whole(path: Path) -> str:
    return voxel_digest(_first_slices(path, _grid(path).size[2]))
