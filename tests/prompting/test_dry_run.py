"""What prompts hit, read off images whose values tell the voxel."""

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.prompting.dry_run import OUTSIDE, hits
from nnunetv2_muduo.prompting.prompt_files.file_prompt import FilePrompt


def image(scale=1.0, size=(4, 5, 6)):
    """Each voxel's value is its number (x + 10 y + 100 z) times a scale."""
    z, y, x = np.indices(size[::-1])
    one = sitk.GetImageFromArray((scale * (x + 10 * y + 100 * z)).astype(np.float32))
    one.SetSpacing((5.0, 6.0, 7.0))
    return one


def prompt(kind, *places_mm, positive=True):
    return FilePrompt(kind, positive, np.array(places_mm, float), f"a {kind}")


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SAL"])
def test_values_are_those_of_the_voxel(orientation):
    images = {"pet": sitk.DICOMOrient(image(), orientation), "ct": image(-1)}
    (line,) = hits([prompt("point", (10, 12, 28), positive=False)], images)
    voxel = images["pet"].TransformPhysicalPointToIndex((10.0, 12.0, 28.0))
    assert line == f"object 1, negative point (a point): (10.0, 12.0, 28.0) mm, voxel {voxel}: SUV 422, HU -422"


def test_ends_of_scribbles_and_boxes():
    lines = hits(
        [prompt("scribble", (0, 0, 0), (5, 0, 0), (10, 0, 0)), prompt("box", (0, 0, 0), (15, 24, 35))], {"pet": image()}
    )
    assert [line.split(": ")[-1] for line in lines] == ["SUV 0", "SUV 2", "SUV 0", "SUV 543"]


def test_masks_are_counted():
    mask = FilePrompt("mask", True, np.empty((0, 3)), "a mask", "lesion", np.arange(120).reshape(6, 5, 4) < 5)
    assert hits([mask], {"pet": image()}) == ["object lesion, positive mask (a mask): 5 voxels"]


def test_what_lies_outside_is_said_and_where_the_image_lies():
    (line,) = hits([prompt("point", (-10, 12, 28))], {"pet": image()})
    assert f"voxel (-2, 2, 4): {OUTSIDE}, which lies at x 0.0 to 15.0" in line
    small = image(1, (2, 2, 2))
    (line,) = hits([prompt("point", (15, 12, 28))], {"pet": image(), "ct": small})
    assert line.endswith(f"SUV 423, {OUTSIDE} of the CT")
