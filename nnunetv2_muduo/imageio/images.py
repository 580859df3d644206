"""Reader of images in any format, as images or as arrays of labels, PET or anything in the body's axes."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.grid import Grid, read_grid
from nnunetv2_muduo.imageio.nifti import is_nifti, read_nifti, require_finite
from nnunetv2_muduo.imageio.refusal import CaseRefused, refusing_damage

LABEL_TOLERANCE = 1e-3
"""How far a label may be from a whole number."""


def read_image(path: str | Path) -> sitk.Image:
    """A 3D image of scalars. Raises CaseRefused where it is damaged, of another kind, or holds NaN or infinity."""
    path = Path(path)
    if is_nifti(path.name):
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
    labels = rounded_labels(sitk.GetArrayViewFromImage(image), path)
    if labels.min() < np.iinfo(np.int16).min or labels.max() > np.iinfo(np.int16).max:
        raise CaseRefused(f"{path} is no label map: it has values that aren't whole numbers of at most 16 bits.")
    return labels.astype(np.int16)


def rounded_labels(values: np.ndarray, source: str | Path) -> np.ndarray:
    """Values of a label map as integers; a scale in a header leaves 1.0000001 of a 1.

    Raises:
        CaseRefused: values that are further from whole numbers than `LABEL_TOLERANCE`; the worst is named.
    """
    if np.issubdtype(values.dtype, np.integer):
        return values
    with np.errstate(invalid="ignore"):
        off = np.abs(values - np.rint(values))
    if not off.max() <= LABEL_TOLERANCE:
        worst = values.flat[int(np.nan_to_num(off, nan=np.inf).argmax())]
        raise CaseRefused(
            f"{source} is no label map: it has values that aren't whole numbers of at most 16 bits, such as {worst:g}. Labels "
            "that are not whole numbers come from interpolation: give the map as it was before it was resampled."
        )
    return np.rint(values).clip(-(2**31), 2**31 - 1).astype(np.int32)


def whole_numbers(label: sitk.Image, source: str | Path) -> sitk.Image:
    """The label map in an integer type. Raises CaseRefused for values that are not whole numbers; see `rounded_labels`."""
    if np.issubdtype(sitk.GetArrayViewFromImage(label).dtype, np.integer):
        return label
    whole = sitk.GetImageFromArray(rounded_labels(sitk.GetArrayViewFromImage(label), source))
    whole.CopyInformation(label)
    return whole


def read_pet(path: Path) -> np.ndarray:
    """Read a PET image in SUV as float32, axes (z, y, x). Raises CaseRefused."""
    image = read_image(path)  # a view does not keep its image alive
    return sitk.GetArrayViewFromImage(image).astype(np.float32)


def read_oriented(path: Path) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Read an image with axes (z, y, x) towards head, back and left, however it is stored; its spacing in mm likewise."""
    image = sitk.DICOMOrient(read_image(path), "LPS")
    return sitk.GetArrayFromImage(image), image.GetSpacing()[::-1]
