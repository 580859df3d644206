"""Orientation of stored images, against SimpleITK's own reorientation."""

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

from nnunetv2_muduo.data.orientation import common_orientation, reoriented
from nnunetv2_muduo.imageio.grid import orientation_of

ORIENTATIONS = [
    "".join(letters) for order in itertools.permutations(("LR", "PA", "SI")) for letters in itertools.product(*order)
]
SLIGHTLY_TURNED = np.array([[0.98, -0.17, 0.1], [0.17, 0.98, 0.05], [-0.1, -0.03, 0.99]])


@pytest.fixture
def image():
    made = sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32))
    made.SetSpacing((1.0, 2.0, 3.5))
    made.SetOrigin((-7.0, 11.0, 5.5))
    made.SetDirection(np.linalg.qr(SLIGHTLY_TURNED)[0].ravel() * np.sign(np.linalg.qr(SLIGHTLY_TURNED)[0][0, 0]))
    return made


def read(image, path):
    sitk.WriteImage(image, str(path))
    return SimpleITKIO().read_images([str(path)])


@pytest.mark.parametrize("wanted", ["LPS", "RAS", "PIR"])
@pytest.mark.parametrize("stored", ORIENTATIONS)
def test_it_is_simpleitks_reorientation(image, tmp_path, stored, wanted):
    images, properties = read(sitk.DICOMOrient(image, stored), tmp_path / "a.nii.gz")
    assert orientation_of(properties["sitk_stuff"]["direction"]) == stored
    expected, expected_properties = read(sitk.DICOMOrient(image, wanted), tmp_path / "b.nii.gz")
    found, found_properties = reoriented(images, properties, wanted)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(found_properties["spacing"], expected_properties["spacing"])
    for key, values in expected_properties["sitk_stuff"].items():
        np.testing.assert_allclose(found_properties["sitk_stuff"][key], values, atol=1e-5)


def test_readers_that_know_no_direction_keep_their_images():
    images, properties = np.zeros((1, 2, 3, 4)), {"spacing": [1, 1, 1]}
    assert reoriented(images, properties, "LPS") == (images, properties)


def test_the_common_orientation():
    identity, mirrored = np.eye(3).ravel().tolist(), np.diag([-1.0, -1, 1]).ravel().tolist()
    assert common_orientation([identity, identity]) == "LPS"
    assert common_orientation([mirrored]) == "RAS"
    assert common_orientation([identity, mirrored]) is None
    assert common_orientation([identity, None]) is None
    assert common_orientation([]) is None
