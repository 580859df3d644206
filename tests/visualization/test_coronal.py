from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.visualization.coronal import coronal_plane

SIDES = ("RL", "AP", "IS")
ORIENTATIONS = ["".join(sides) for order in permutations(SIDES) for sides in product(*order)]
SPACING_MM = (2.0, 3.0, 5.0)  # towards left, back, head


@pytest.mark.parametrize("transpose", list(permutations(range(3))))
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_head_up_and_right_on_the_left_however_the_image_is_stored(orientation, transpose):
    labels = np.zeros((4, 5, 6), np.int16)  # (head, back, left)
    labels[1:3, 3, 1:4] = 1
    labels[3, 3, 5] = 2
    image = sitk.GetImageFromArray(np.arange(labels.size).reshape(labels.shape) + 1000 * labels)
    image.SetSpacing(SPACING_MM)
    stored = sitk.DICOMOrient(image, orientation)
    patch = sitk.GetArrayFromImage(stored).transpose(transpose)
    plane = coronal_plane(patch // 1000, stored.GetDirection(), transpose)
    expected = sitk.GetArrayFromImage(image)[::-1, 3]
    assert np.array_equal(plane.cut(patch), expected)
    assert np.array_equal(plane.cut(np.stack([patch, patch + 1])), np.stack([expected, expected + 1]))
    assert plane.pixel_mm([stored.GetSpacing()[::-1][axis] for axis in transpose]) == (5.0, 2.0)


def test_an_oblique_image_is_shown_along_its_nearest_axes():
    angle = np.deg2rad(20)
    direction = [np.cos(angle), -np.sin(angle), 0, np.sin(angle), np.cos(angle), 0, 0, 0, -1]
    plane = coronal_plane(np.ones((3, 4, 5), np.int16), direction, (0, 1, 2))
    assert plane.axes == (2, 1, 0)
    assert plane.signs == (1, 1, -1)


def test_without_a_direction_it_is_shown_as_stored():
    volume = np.arange(60).reshape(3, 4, 5)
    plane = coronal_plane(np.ones((3, 4, 5), np.int16), [], (0, 1, 2))
    assert np.array_equal(plane.cut(volume), volume[::-1, plane.index])
