"""Label maps on the grid of their PET: the nearest value, and nothing small is lost."""

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.label_grid import put_labels_on_grid
from nnunetv2_muduo.imageio.grid import put_on_grid


def image_of(array, spacing_mm, origin_mm=(0.0, 0.0, 0.0)):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing_mm)
    image.SetOrigin(origin_mm)
    return image


def coarse():
    return image_of(np.zeros((6, 6, 6), np.float32), (4.0, 4.0, 4.0))


def test_what_is_smaller_than_a_voxel_takes_the_voxel_it_lies_in():
    fine = np.zeros((24, 24, 24), np.uint8)
    fine[:, :12] = 1
    fine[9, 18, 6] = 2  # of 1 mm, at 1.5 mm from the centers of the coarse grid
    fine[10, 5, 10] = 3  # within label 1
    result = sitk.GetArrayFromImage(put_labels_on_grid(image_of(fine, (1.0, 1.0, 1.0)), coarse()))
    assert np.argwhere(result == 2).tolist() == [[2, 4, 2]]
    assert np.argwhere(result == 3).tolist() == [[2, 1, 2]]
    assert (result == 1).sum() == 6 * 3 * 6 - 1


def test_all_else_is_as_the_nearest_voxel_has_it():
    fine = np.random.default_rng(0).integers(0, 4, (24, 24, 24)).astype(np.uint8)
    label = image_of(fine, (1.0, 1.0, 1.0), (0.2, -0.3, 0.1))
    expected = put_on_grid(label, coarse(), sitk.sitkNearestNeighbor, 0)
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(put_labels_on_grid(label, coarse())), sitk.GetArrayFromImage(expected)
    )


def test_what_lies_outside_is_not_moved_inside():
    fine = np.zeros((40, 24, 24), np.uint8)
    fine[39, 3, 3], fine[5:9, 5:9, 5:9] = 2, 1
    result = sitk.GetArrayFromImage(put_labels_on_grid(image_of(fine, (1.0, 1.0, 1.0)), coarse()))
    assert np.unique(result).tolist() == [0, 1]
