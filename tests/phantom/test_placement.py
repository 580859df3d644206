"""Where the standard body is put: against the phantom's own coordinates, and for maps that show only a part."""

import numpy as np
import pytest
from fixtures.phantom import SHIFT_ZYX, place

from nnunetv2_muduo.phantom.label_map import LabelMap


@pytest.mark.parametrize("without", [(), ("brain",), ("bladder", "kidney"), ("lung",), ("liver", "spleen")])
def test_the_standard_body_is_found_where_the_phantom_has_it(truth, without):
    organs, (scale_x, scale_y, scale_z) = truth
    placement = place(organs, without)
    for standard_z in (-300.0, -100.0, 0.0, 100.0, 190.0, 400.0):
        far = ("brain" in without and standard_z > 200) or ("kidney" in without and standard_z < 0)
        found = placement.scan_z(standard_z)
        assert found == pytest.approx(SHIFT_ZYX[0] + scale_z * standard_z, abs=65 if far else 30)
        assert placement.standard_z(found) == pytest.approx(standard_z, abs=1e-6)
    x, y, width, depth = placement.sections(np.array([0.0]))[:, 0]
    assert x == pytest.approx(SHIFT_ZYX[2], abs=12)
    assert y == pytest.approx(SHIFT_ZYX[1], abs=15)
    if "lung" not in without:
        assert (width, depth) == (pytest.approx(scale_x, abs=0.12), pytest.approx(scale_y, abs=0.12))


def test_the_head_is_where_the_brain_is(truth):
    organs, _ = truth
    brain = organs.labels == 4
    bent = LabelMap(np.where(brain, 0, organs.labels), organs.spacing_zyx, organs.origin_zyx)
    bent.labels[np.roll(brain, -5, axis=1)] = 4  # 40 mm to the front
    upright, forward = (place(m).sections(np.array([90.0, 400.0])) for m in (organs, bent))
    np.testing.assert_allclose(forward[1] - upright[1], (0, -40), atol=0.01)


@pytest.mark.parametrize("bladder_z", [slice(-3, -1), slice(1, 3)])
def test_an_organ_in_a_wrong_place_is_passed_over(truth, bladder_z):
    organs, _ = truth
    labels = np.pad(np.where(np.isin(organs.labels, (3, 4)), 0, organs.labels), ((60, 0), (0, 0), (0, 0)))
    labels[bladder_z, 20:24, 20:24] = 3  # above the shoulders, or half a meter below the pelvis
    lost = LabelMap(labels, organs.spacing_zyx, (organs.origin_zyx[0] - 60 * 8, *organs.origin_zyx[1:]))
    expected, found = place(organs, ("brain", "bladder")), place(lost, ("brain",))
    for z in (-400.0, 0.0):
        assert found.scan_z(z) == pytest.approx(expected.scan_z(z), abs=1)


def test_an_edge_that_the_scan_cuts_is_not_taken_for_the_organs_end(truth):
    organs, (_, _, scale_z) = truth
    slices = np.flatnonzero((organs.labels == 4).any((1, 2)))
    cut = organs.crop((slice(0, (slices[0] + slices[-1]) // 2), slice(0, None), slice(0, None)))
    assert place(cut).scan_z(360.0) == pytest.approx(SHIFT_ZYX[0] + scale_z * 360, abs=30)
