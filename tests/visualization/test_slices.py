import numpy as np

from nnunetv2_muduo.visualization.slices import axial_view, best_slice, body_box, coronal_projection, coronal_view

SPACING_MM = (3.0, 2.0, 1.0)


def test_body_box_leaves_the_table_out():
    ct_hu = np.full((40, 120, 120), -1000.0)
    ct_hu[:, 30:70, 20:100] = 0
    ct_hu[:, 80:83, 10:110] = 100  # a table top, three voxels thick
    z, y, x = body_box(ct_hu)
    assert (z.start, z.stop >= 40) == (0, True)
    assert 20 <= y.start <= 30
    assert 70 <= y.stop <= 80
    assert 10 <= x.start <= 20
    assert 100 <= x.stop <= 110


def test_without_a_body_the_whole_image_is_shown():
    assert body_box(np.full((4, 5, 6), -1000.0)) == (slice(0, 4), slice(0, 5), slice(0, 6))


def test_best_slice_by_hand():
    """A large organ alone in slice 1 loses to two organs, one of them small, in slice 3."""
    labels = np.zeros((5, 10, 10), np.uint8)
    labels[1, :9, :9] = 1
    labels[3, :8, :9], labels[3, 9, 9] = 1, 2
    assert best_slice(labels, axis=0) == 3
    assert best_slice(np.zeros_like(labels), axis=0) == 2


def test_views_show_head_and_belly_up_and_the_right_side_left():
    image = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[1, 2, 3], labels[0, 0, 0] = 5, 2
    axial = axial_view(image, labels, 1, SPACING_MM)
    np.testing.assert_array_equal(axial.image, image[1])
    assert axial.pixel_mm == (2.0, 1.0)
    assert [(value, np.argwhere(mask).tolist()) for value, mask in axial.masks.items()] == [(5, [[2, 3]])]

    coronal = coronal_view(image, labels, 2, SPACING_MM)
    np.testing.assert_array_equal(coronal.image, image[::-1, 2])
    assert coronal.pixel_mm == (3.0, 1.0)
    assert [(value, np.argwhere(mask).tolist()) for value, mask in coronal.masks.items()] == [(5, [[0, 3]])]

    projection = coronal_projection(image, labels, SPACING_MM)
    np.testing.assert_array_equal(projection.image, [[20, 21, 22, 23], [8, 9, 10, 11]])
    found = [(value, np.argwhere(mask).tolist()) for value, mask in projection.masks.items()]
    assert found == [(2, [[1, 0]]), (5, [[0, 3]])]
