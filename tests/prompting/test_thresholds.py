"""Thresholds as teachers, on balls whose voxels are known."""

import numpy as np
from fixtures.prompting import LIVER_MM, LUMP_MM, ball, moved, session_on, voxels

from nnunetv2_muduo.prompting import thresholds


def test_a_threshold_is_the_connected_region(pet):
    mask = voxels(session_on(pet, "threshold:0.41").add_point(LUMP_MM))
    np.testing.assert_array_equal(mask, ball(LUMP_MM, 30))


def test_a_fixed_suv_may_take_both_and_a_negative_click_takes_one_of_them_away(pet):
    session = session_on(pet, "threshold:2")
    session.add_point(LIVER_MM)
    mask = voxels(session.add_point(LUMP_MM))
    np.testing.assert_array_equal(mask, ball(LIVER_MM, 60) | ball(LUMP_MM, 30))
    session.undo()
    np.testing.assert_array_equal(voxels(session.mask()), ball(LIVER_MM, 60))


def test_a_stroke_over_one_region_looks_for_it_once(pet, monkeypatch):
    calls = []
    label = thresholds.ndimage.label
    monkeypatch.setattr(thresholds.ndimage, "label", lambda *args: calls.append(args) or label(*args))
    session = session_on(pet, "threshold:2")
    stroke = session.add_scribble([LUMP_MM - (20, 0, 0), moved(LUMP_MM, 20, 0, 0)])
    assert len(calls) == 1
    np.testing.assert_array_equal(voxels(stroke), ball(LUMP_MM, 30))
    session.add_point(LIVER_MM)
    assert len(calls) == 2
