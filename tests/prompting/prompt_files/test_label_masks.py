"""Masks to begin with: files of several formats, on other grids, and Slicer's segmentations with layers."""

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.prompting import LIVER_MM, LUMP_MM, ball, image_of

from nnunetv2_muduo.prompting.prompt_files.reader import read_prompts
from nnunetv2_muduo.prompting.space import ImageSpace


def label_image():
    return sitk.Cast(image_of(ball(LIVER_MM, 60) + 4 * ball(LUMP_MM, 30)), sitk.sitkUInt8)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SAL"])
def test_each_label_is_an_object(pet, tmp_path, ending, orientation):
    file = tmp_path / f"mask{ending}"
    sitk.WriteImage(sitk.DICOMOrient(label_image(), orientation), str(file))
    prompts = read_prompts(file, ImageSpace.of(pet))
    assert [(one.object_name, one.positive, one.kind) for one in prompts] == [("1", True, "mask"), ("4", True, "mask")]
    np.testing.assert_array_equal(prompts[0].mask, ball(LIVER_MM, 60))
    np.testing.assert_array_equal(prompts[1].mask, ball(LUMP_MM, 30))


def with_segments(image, *segments):
    for number, (name, value, layer) in enumerate(segments):
        for key, text in {"ID": f"Segment_{number}", "Name": name, "LabelValue": value, "Layer": layer}.items():
            image.SetMetaData(f"Segment{number}_{key}", str(text))
    return image


def test_segments_have_slicers_names(pet, tmp_path):
    file = tmp_path / "s.seg.nrrd"
    sitk.WriteImage(with_segments(label_image(), ("liver", 1, 0), ("lump", 4, 0)), str(file), True)
    prompts = read_prompts(file, ImageSpace.of(pet))
    assert [one.object_name for one in prompts] == ["liver", "lump"]
    np.testing.assert_array_equal(prompts[1].mask, ball(LUMP_MM, 30))


def test_segments_that_overlap_lie_in_layers(pet, tmp_path):
    """Slicer calls the layers a list, ITK's writer a vector."""
    file = tmp_path / "s.seg.nrrd"
    layers = sitk.Compose(label_image(), sitk.Cast(image_of(ball(LIVER_MM, 20)), sitk.sitkUInt8))
    sitk.WriteImage(with_segments(layers, ("liver", 1, 0), ("core", 1, 1)), str(file), True)
    header, _, voxels = file.read_bytes().partition(b"\n\n")
    assert b"kinds: vector domain domain domain" in header
    for kind in (b"vector", b"list"):
        file.write_bytes(header.replace(b"kinds: vector", b"kinds: " + kind) + b"\n\n" + voxels)
        prompts = read_prompts(file, ImageSpace.of(pet))
        np.testing.assert_array_equal(prompts[0].mask, ball(LIVER_MM, 60))
        np.testing.assert_array_equal(prompts[1].mask, ball(LIVER_MM, 20))


@pytest.mark.parametrize(
    ("segments", "message"),
    [([], "has no segment"), ([("x", "many", 0)], "Segment0 must have"), ([("x", 1, 7)], "Segment0 must have"),
     ([("x", 9, 0)], "x has no voxel")],
)  # fmt: skip
def test_wrong_segmentations_are_named(pet, tmp_path, segments, message):
    file = tmp_path / "s.seg.nrrd"
    sitk.WriteImage(with_segments(label_image(), *segments), str(file), True)
    with pytest.raises(ValueError, match=message) as error:
        read_prompts(file, ImageSpace.of(pet))
    assert "s.seg.nrrd" in str(error.value)


def elsewhere(image):
    image.SetOrigin((5000, 5000, 5000))
    return image


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (lambda: label_image() * 0, "labels from 1 to 255"),
        (lambda: sitk.Cast(label_image(), sitk.sitkInt16) * -1, "labels from 1 to 255"),
        (lambda: sitk.Cast(label_image(), sitk.sitkInt16) * 300, "labels from 1 to 255"),
        (lambda: sitk.Cast(label_image(), sitk.sitkFloat32) * 0.4, "no label map"),
        (lambda: elsewhere(label_image()), "has no voxel in the image"),
    ],
)
def test_wrong_masks_are_named(pet, tmp_path, image, message):
    file = tmp_path / "mask.nii.gz"
    sitk.WriteImage(image(), str(file))
    with pytest.raises(ValueError, match=message) as error:
        read_prompts(file, ImageSpace.of(pet))
    assert "mask.nii.gz" in str(error.value)


@pytest.mark.parametrize("name", ["m.nii.gz", "m.nrrd", "m.seg.nrrd"])
@pytest.mark.parametrize("content", [b"", b"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 999999 999999 999999\n\n"])
def test_damaged_masks_are_named(pet, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        read_prompts(tmp_path / name, ImageSpace.of(pet))
