"""Images that a session is given: opened, refused where their values are in another unit, laid on one grid."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.grid import put_on_grid
from nnunetv2_muduo.imageio.images import read_image
from nnunetv2_muduo.imageio.modalities import MODALITIES
from nnunetv2_muduo.imageio.plausibility import Channel, require_plausible_case
from nnunetv2_muduo.prompting.space import turned

Image = sitk.Image | str | Path


def opened(image: Image) -> sitk.Image:
    """The image itself, or the one in a file. Raises CaseRefused for a file that can't be read."""
    return image if isinstance(image, sitk.Image) else read_image(Path(image))


def require_unit(image: sitk.Image, modality: str, source: object) -> None:
    """Refuse an image that is no volume in its modality's unit.

    Args:
        modality: "ct" or "pet".
        source: what messages name, where it is a file.

    Raises:
        ValueError, CaseRefused: no volume of scalars; values that are not in HU or SUV.
    """
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(f"{source} is no 3D volume of scalars.")
    voxel_ml = float(np.prod(image.GetSpacing())) / 1000
    name = source if isinstance(source, (str, Path)) else f"the {MODALITIES[modality].name}"
    require_plausible_case([Channel(MODALITIES[modality], sitk.GetArrayViewFromImage(image), name)], voxel_ml)


def arrays_on_grid(images: Mapping[str, sitk.Image], first: str) -> dict[str, np.ndarray]:
    """Arrays (z, y, x), turned to LPS, of a case's images by modality, all on the grid of the `first` one."""
    reference = turned(images[first])
    return {
        modality: sitk.GetArrayFromImage(
            put_on_grid(turned(image), reference, sitk.sitkLinear, MODALITIES[modality].outside)
        )
        for modality, image in images.items()
    }
