"""The body around the organs of a label map: what is kept of the scan, and what lies around the organs."""

import numpy as np
import pytest
from fixtures.phantom import place
from scipy.ndimage import binary_dilation, binary_fill_holes

from nnunetv2_muduo.phantom.body import body_canvas, crop_to_body
from nnunetv2_muduo.phantom.label_map import LabelMap
from nnunetv2_muduo.phantom.tissues import ID


def test_legs_and_air_are_left_out_and_organs_never(truth):
    organs, _ = truth
    padded = np.pad(organs.labels, ((150, 20), (30, 30), (30, 30)))
    origin = tuple(o - 8.0 * n for o, n in zip(organs.origin_zyx, (150, 30, 30), strict=True))
    cropped = crop_to_body(LabelMap(padded, (8.0,) * 3, origin), place(organs), (560.0, 512.0))
    assert 100 < len(cropped.labels) < 150
    assert cropped.labels.shape[1:] == (64, 70)
    narrow = crop_to_body(LabelMap(padded, (8.0,) * 3, origin), place(organs), (80.0, 80.0))
    for part in (cropped, narrow):
        np.testing.assert_array_equal(np.bincount(part.labels.ravel())[1:], np.bincount(padded.ravel())[1:])
        z = np.nonzero(part.labels)[0].mean() * 8 + part.origin_zyx[0]
        assert z == pytest.approx(np.nonzero(organs.labels)[0].mean() * 8 + organs.origin_zyx[0])


def test_coordinates_of_the_canvas_are_those_of_the_standard_body(truth):
    organs, (scale_x, _, scale_z) = truth
    canvas, grid = body_canvas(organs, place(organs), 0.0, np.random.default_rng(0))
    z, y, x = (int(np.abs(axis).argmin()) for axis in grid.axes_zyx)
    assert abs(canvas.z[z, y, x]) < 12
    assert abs(canvas.x[z, y, x]) < 12
    assert canvas.x[z, y, x + 10] - canvas.x[z, y, x] == pytest.approx(80 / scale_x, rel=0.15)
    assert canvas.z[z + 10, y, x] - canvas.z[z, y, x] == pytest.approx(80 / scale_z, rel=0.3)
    assert (canvas.tissue == ID["air"]).all()


def test_organs_lie_in_a_body_and_not_in_air(studies):
    for images in studies:
        body = binary_fill_holes(images["CTres"] > -400)
        organs = images["SEG"] > 0
        assert body[binary_dilation(organs)].mean() > 0.99
        assert 25 < body.sum() * 0.512e-3 < 130  # liters, from the thighs to the head
        assert np.median(images["CTres"][:, :3]) < -980
        assert images["CTres"].max() > 350  # bones


def test_what_surrounds_an_organ_is_soft_tissue(studies, labels):
    for images in studies:
        liver = images["SEG"] == labels["liver"]
        shell = binary_dilation(liver) & ~liver & (images["SEG"] != labels["lungs"])
        assert -120 < np.median(images["CTres"][shell]) < 120
