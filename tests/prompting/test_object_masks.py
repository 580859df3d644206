"""Boxes and negative masks that bound an object."""

import numpy as np
from fixtures.prompting import LUMP_MM, ball, grid_mm, image_of, moved, session_on, voxels


def test_a_box_bounds_its_object(pet):
    mask = voxels(session_on(pet, "threshold:0.41").add_box([LUMP_MM - 20, LUMP_MM + 20]))
    outside = (np.abs(grid_mm() - LUMP_MM) > 20).any(-1)
    np.testing.assert_array_equal(mask, ball(LUMP_MM, 30) & ~outside)


def test_negative_boxes_and_masks_forbid(pet):
    session = session_on(pet, "threshold:0.41")
    session.add_point(LUMP_MM)
    below = grid_mm()[..., 2] < LUMP_MM[2]
    mask = voxels(session.add_mask(image_of(below), positive=False))
    np.testing.assert_array_equal(mask & ~below, ball(LUMP_MM, 30) & ~below)
    assert not mask[below].any()
    mask = voxels(session.add_box([moved(LUMP_MM, 10, -99, -99), LUMP_MM + 99], positive=False))
    assert mask.any()
    assert not mask[grid_mm()[..., 0] >= LUMP_MM[0] + 10].any()
