"""Smooth random fields against splines of other people."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from nnunetv2_muduo.phantom.fields import SmoothField


def test_field_is_the_cubic_spline_of_its_nodes():
    field = SmoothField(np.random.default_rng(0), (-50, -40, -30), (50, 40, 30), 17.0)
    axes = np.linspace(-49, 49, 23), np.linspace(-40, 40, 11), np.linspace(-29, 30, 9)
    nodes = [(axis - lo) / 17.0 + 1 for axis, lo in zip(axes, (-50, -40, -30), strict=True)]
    expected = map_coordinates(field.nodes, np.meshgrid(*nodes, indexing="ij"), order=3, prefilter=False)
    np.testing.assert_allclose(field(axes), expected, atol=1e-4)


def test_field_does_not_depend_on_the_grid_and_stops_changing_outside_its_box():
    field = SmoothField(np.random.default_rng(1), (0, 0, 0), (60, 60, 60), 12.0)
    fine = np.arange(0, 60, 1.0)
    np.testing.assert_array_equal(field((fine[::4], fine[::4], fine[::4])), field((fine, fine, fine))[::4, ::4, ::4])
    far, edge = (field((fine, fine, np.array([x]))) for x in (1e4, 60.0))
    np.testing.assert_allclose(far, edge, atol=1e-3)


def test_field_has_mean_0_and_standard_deviation_1():
    axis = np.arange(0, 400, 3.0)
    values = SmoothField(np.random.default_rng(2), (0, 0, 0), (400, 400, 400), 10.0)((axis, axis, axis))
    assert abs(values.mean()) < 0.02
    assert values.std() == pytest.approx(1, abs=0.03)
