"""Reader of images in any format, as images or as arrays of labels, PET or anything in the body's axes."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.grid import Grid, read_grid
from nnunetv2_muduo.imageio.nifti import NIFTI_ENDINGS, read_nifti, require_finite
from nnunetv2_muduo.imageio.refusal import CaseRefused, refusing_damage


def read_image(path: Path) -> sitk.Image:
    """A 3D image of scalars. Raises CaseRefused where it is damaged, of another kind, or holds NaN or infinity."""
    if path.name.endswith(NIFTI_ENDINGS):
        return read_nifti(path)
    read_grid(path)  # refuses what is no volume
    with refusing_damage(str(path)):
        image = sitk.ReadImage(str(path))
    require_finite(sitk.GetArrayViewFromImage(image), str(path))
    return image


def read_labels(path: Path, grid: Grid | None = None) -> np.ndarray:
    """Read a label map as int16, axes (z, y, x).

    Args:
        grid: on which the labels are resampled by nearest neighbor; None keeps their own.

    Raises:
        CaseRefused: unreadable, or values that aren't whole numbers of at most 16 bits.
    """
    image = read_image(path)
    if grid is not None:
        geometry = grid.origin_mm, grid.spacing_mm, grid.direction
        image = sitk.Resample(
            image, grid.size, sitk.Transform(), sitk.sitkNearestNeighbor, *geometry, 0, image.GetPixelID()
        )
    values = sitk.GetArrayViewFromImage(image)
    with np.errstate(invalid="ignore"):  # numbers that are too large are found by the comparison
        labels = values.astype(np.int16)
    if not np.array_equal(labels, values):
        raise CaseRefused(f"{path} is no label map: it has values that aren't whole numbers of at most 16 bits.")
    return labels


def read_pet(path: Path) -> np.ndarray:
    """Read a PET image in SUV as float32, axes (z, y, x). Raises CaseRefused."""
    image = read_image(path)  # a view does not keep its image alive
    return sitk.GetArrayViewFromImage(image).astype(np.float32)


def read_oriented(path: Path) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Read an image with axes (z, y, x) towards head, back and left, however it is stored; its spacing in mm likewise."""
    image = sitk.DICOMOrient(read_image(path), "LPS")
    return sitk.GetArrayFromImage(image), image.GetSpacing()[::-1]
