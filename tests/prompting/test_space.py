"""Places, voxels of the file and voxels turned to LPS."""

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.prompting import LIVER_MM, ball, image_of

from nnunetv2_muduo.prompting.space import ImageSpace


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "ASL"])
def test_places_and_voxels_of_a_file_are_each_others(pet, orientation):
    image = sitk.DICOMOrient(pet, orientation)
    space = ImageSpace.of(image)
    voxel = (11, 22, 33)
    place_mm = image.TransformIndexToPhysicalPoint(voxel)
    np.testing.assert_allclose(space.file_voxels_to_mm(voxel)[0], place_mm, atol=1e-6)
    np.testing.assert_array_equal(space.file_voxels(np.array(place_mm) + 0.4), [voxel])


def test_inside_is_up_to_the_voxels_edge(pet):
    space = ImageSpace.of(pet)  # voxels of 5 mm along x, from -170 on
    places_mm = [(-172.4, 0, 240), (-172.6, 0, 240), (177.4, 0, 240), (177.6, 0, 240)]
    assert space.is_inside(np.array(places_mm)).tolist() == [True, False, True, False]


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "ASL"])
def test_masks_of_a_file_are_turned(pet, orientation):
    truth = ball(LIVER_MM, 60)
    image = sitk.DICOMOrient(sitk.Cast(image_of(truth), sitk.sitkUInt8), orientation)
    space = ImageSpace.of(sitk.DICOMOrient(pet, orientation))
    np.testing.assert_array_equal(space.mask_zyx(image), truth)
    np.testing.assert_array_equal(space.of_file_array(sitk.GetArrayFromImage(image) > 0), truth)
