"""What prompts hit, before any network is asked: a wrong coordinate system is seen at once."""

from collections.abc import Iterable

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.modalities import MODALITIES
from nnunetv2_muduo.prompting.prompt_files.file_prompt import FilePrompt
from nnunetv2_muduo.prompting.space import ImageSpace, turned

OUTSIDE = "OUTSIDE the image"


def hits(prompts: Iterable[FilePrompt], images: dict[str, sitk.Image]) -> list[str]:
    """A line for each prompt: object, kind, place in mm (LPS), voxel (x, y, z) of the first image's file, and values there.

    Args:
        images: by modality, "ct" or "pet", in HU and SUV; prompts are of the first one.
    """
    space = ImageSpace.of(next(iter(images.values())))
    sampled = {
        modality: (ImageSpace.of(image), sitk.GetArrayFromImage(turned(image))) for modality, image in images.items()
    }
    lines = []
    for prompt in prompts:
        sign = "positive" if prompt.positive else "negative"
        start = f"object {prompt.object_name}, {sign} {prompt.kind} ({prompt.source}):"
        if prompt.mask is not None:
            lines.append(f"{start} {np.count_nonzero(prompt.mask)} voxels")
            continue
        for place_mm in _told_places(prompt):
            lines.append(f"{start} {_place(place_mm, space)}: {_values(place_mm, space, sampled)}")
    return lines


def _told_places(prompt: FilePrompt) -> np.ndarray:
    """The point, both ends of a scribble, or the opposite corners of a box."""
    return prompt.places_mm[:1] if prompt.kind == "point" else prompt.places_mm[[0, -1]]


def _place(place_mm: np.ndarray, space: ImageSpace) -> str:
    mm = ", ".join(f"{one:.1f}" for one in place_mm)
    (voxel,) = space.file_voxels(place_mm)
    return f"({mm}) mm, voxel ({', '.join(map(str, voxel))})"


def _values(place_mm: np.ndarray, space: ImageSpace, sampled: dict[str, tuple[ImageSpace, np.ndarray]]) -> str:
    if not space.is_inside(place_mm)[0]:
        return f"{OUTSIDE}, which {space.extent()}"
    return ", ".join(_value(place_mm, modality, *of) for modality, of in sampled.items())


def _value(place_mm: np.ndarray, modality: str, space: ImageSpace, values: np.ndarray) -> str:
    if not space.is_inside(place_mm)[0]:
        return f"{OUTSIDE} of the {MODALITIES[modality].name}"
    (voxel,) = space.voxels_zyx(place_mm)
    return f"{MODALITIES[modality].unit} {values[tuple(voxel)]:.4g}"
