"""Reading of label maps and PET images, and the check that two of them share one grid."""

import gzip
import zlib
from itertools import product
from pathlib import Path

import numpy as np
import SimpleITK as sitk

GRID_TOLERANCE_VOXELS = 0.01  # NIfTI headers are float32: equal grids differ by about 1e-5 of a voxel
CHUNK_BYTES = 1 << 22


def read_header(path: Path) -> sitk.ImageFileReader:
    """Read size, spacing, origin and direction only.

    Raises:
        ValueError: unreadable, or no 3D volume of scalars.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise ValueError(f"{path} can't be read: {_last_line(error)}") from error
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
        raise ValueError(
            f"{path} is no 3D volume: its size is {reader.GetSize()}, with {reader.GetNumberOfComponents()} value(s) "
            "per voxel. Write one label map or one PET frame per file."
        )
    return reader


def check_same_grid(image: sitk.ImageFileReader, reference: sitk.ImageFileReader) -> None:
    """Raise ValueError, with both geometries, unless voxels of equal index lie at the same place."""
    if image.GetSize() == reference.GetSize():
        corners_xyz = np.array(list(product(*[(0, n - 1) for n in image.GetSize()])), float)
        shift_mm = np.abs(_to_world(image, corners_xyz) - _to_world(reference, corners_xyz)).max()
        if shift_mm <= GRID_TOLERANCE_VOXELS * min(reference.GetSpacing()):
            return
    raise ValueError(f"different grids\n    {describe_grid(image)}\n    {describe_grid(reference)}")


def describe_grid(image: sitk.ImageFileReader) -> str:
    """File, size, spacing (mm), origin (mm) and direction in one line; axes (x, y, z)."""
    spacing, origin, direction = (
        ", ".join(f"{value:.5g}" for value in values)
        for values in (image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    )
    name = image.GetFileName()
    return f"{name}: size {image.GetSize()}, spacing ({spacing}), origin ({origin}), direction ({direction})"


def read_labels(path: Path, grid: sitk.ImageFileReader | None = None) -> np.ndarray:
    """Read a label map as int16, axes (z, y, x).

    Args:
        grid: header on whose grid the labels are resampled by nearest neighbor; None keeps their own.

    Raises:
        ValueError: unreadable, or values that aren't whole numbers of at most 16 bits.
    """
    image = read_image(path)
    if grid is not None:
        image = sitk.Resample(
            image, grid.GetSize(), sitk.Transform(), sitk.sitkNearestNeighbor,
            grid.GetOrigin(), grid.GetSpacing(), grid.GetDirection(), 0, image.GetPixelID(),
        )  # fmt: skip
    values = sitk.GetArrayViewFromImage(image)
    with np.errstate(invalid="ignore"):  # NaN is found by the comparison
        labels = values.astype(np.int16)
    if not np.array_equal(labels, values):
        raise ValueError(f"{path} is no label map: it has values that aren't whole numbers of at most 16 bits.")
    return labels


def read_pet(path: Path) -> np.ndarray:
    """Read a PET image in SUV as float32, axes (z, y, x)."""
    image = read_image(path)  # a view does not keep its image alive
    return sitk.GetArrayViewFromImage(image).astype(np.float32)


def read_oriented(path: Path) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Read an image with axes (z, y, x) towards head, back and left, however it is stored; its spacing in mm likewise."""
    image = sitk.DICOMOrient(read_image(path), "LPS")
    return sitk.GetArrayFromImage(image), image.GetSpacing()[::-1]


def read_image(path: Path) -> sitk.Image:
    """Read an image; ValueError with the file's name when it is damaged or can't be read."""
    try:
        if path.suffix == ".gz":
            _check_gzip(path)  # ITK reads a truncated file without a word
        return sitk.ReadImage(str(path))
    except (RuntimeError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} can't be read: {_last_line(error)}") from error


def _check_gzip(path: Path) -> None:
    with gzip.open(path) as stream:
        while stream.read(CHUNK_BYTES):
            pass


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _to_world(image: sitk.ImageFileReader, indices_xyz: np.ndarray) -> np.ndarray:
    direction = np.reshape(image.GetDirection(), (3, 3))
    return image.GetOrigin() + (indices_xyz * image.GetSpacing()) @ direction.T
