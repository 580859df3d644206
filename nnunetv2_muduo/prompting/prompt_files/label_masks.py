"""Masks and label maps as prompts to begin with: NIfTI, NRRD, MetaImage, and Slicer's .seg.nrrd with its names and layers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.evaluation.cases import FILE_ENDINGS
from nnunetv2_muduo.imageio.images import read_image, rounded_labels
from nnunetv2_muduo.imageio.refusal import refusing_damage
from nnunetv2_muduo.prompting.prompt_files.file_prompt import FilePrompt
from nnunetv2_muduo.prompting.space import ImageSpace
from nnunetv2_muduo.user_files import require_file

SEGMENTATION = ".seg.nrrd"
MASK_ENDINGS = FILE_ENDINGS
MOST_OBJECTS = 255


def read_mask(path: Path, space: ImageSpace) -> list[FilePrompt]:
    """A mask of each label, on whatever grid, by nearest neighbor.

    Raises:
        CaseRefused, ValueError: unreadable, no label map, nothing in it, or nothing of it in the image.
    """
    require_file(path)
    if path.name.lower().endswith(SEGMENTATION):
        return _read_segmentation(path, space)
    image = read_image(path)
    labels = rounded_labels(sitk.GetArrayViewFromImage(image), path)
    return mask_prompts(labels, lambda mask: space.mask_zyx(_like(mask, image)), str(path))


def mask_prompts(labels: np.ndarray, place: Callable[[np.ndarray], np.ndarray], source: str) -> list[FilePrompt]:
    """A prompt of each label of an array (z, y, x); `place` puts a mask on the image turned to LPS."""
    values = np.unique(labels[labels != 0]).tolist()
    if not values or values[0] < 1 or values[-1] > MOST_OBJECTS:
        raise ValueError(f"{source} must have labels from 1 to {MOST_OBJECTS}, found {str(values)[:80]}.")
    return [_prompt(place(labels == value), source, str(value)) for value in values]


def _prompt(mask_zyx: np.ndarray, source: str, name: str) -> FilePrompt:
    if not mask_zyx.any():
        raise ValueError(f"{source}: {name} has no voxel in the image: is it of another place?")
    return FilePrompt("mask", True, np.empty((0, 3)), f"{source}: {name}", name, mask_zyx)


def _read_segmentation(path: Path, space: ImageSpace) -> list[FilePrompt]:
    """Segments of Slicer, which lie in layers where they overlap; each has a layer, a value in it and a name."""
    with refusing_damage(str(path)):
        image = sitk.ReadImage(str(path))
    if image.GetDimension() != 3:
        raise ValueError(f"{path} is no 3D volume: it has {image.GetDimension()} axes.")
    layers = image.GetNumberOfComponentsPerPixel()
    prompts = []
    for number in range(MOST_OBJECTS):
        if not image.HasMetaDataKey(f"Segment{number}_LabelValue"):
            break
        facts = {key: _metadata(image, f"Segment{number}_{key}") for key in ("LabelValue", "Layer", "Name")}
        value, layer = (
            int(facts[key] or 0) if (facts[key] or "0").isdecimal() else -1 for key in ("LabelValue", "Layer")
        )
        if not (value >= 1 and 0 <= layer < layers):
            raise ValueError(f"{path}: Segment{number} must have a LabelValue from 1 and a Layer below {layers}.")
        of_layer = sitk.VectorIndexSelectionCast(image, layer) if layers > 1 else image
        prompts.append(_prompt(space.mask_zyx(of_layer == value), str(path), facts["Name"] or str(number + 1)))
    if not prompts:
        raise ValueError(f"{path} has no segment: Segment0_LabelValue is missing.")
    return prompts


def _metadata(image: sitk.Image, key: str) -> str:
    return image.GetMetaData(key).strip() if image.HasMetaDataKey(key) else ""


def _like(mask: np.ndarray, image: sitk.Image) -> sitk.Image:
    given = sitk.GetImageFromArray(mask.astype(np.uint8))
    given.CopyInformation(image)
    return given
