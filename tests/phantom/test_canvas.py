"""Shapes and level sets against independent references."""

import itertools

import numpy as np
import pytest

from nnunetv2_muduo.phantom.canvas import Canvas, curve, ellipsoid, level_set, rotation, tube
from nnunetv2_muduo.phantom.tissues import ID


@pytest.fixture
def canvas():
    axes = tuple(np.arange(-40, 41, 2, dtype=np.float32) for _ in range(3))
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return Canvas(np.zeros(z.shape, np.uint8), x, y, z, axes, voxel_ml=0.008)


def test_ellipsoid_has_the_volume_and_the_tilt_of_the_formula(canvas):
    inside = ellipsoid(canvas, (2, -3, 1), (30, 12, 9), rotation(z_deg=90)) < 1
    assert inside.sum() * canvas.voxel_ml == pytest.approx(4 / 3 * np.pi * 3.0 * 1.2 * 0.9, rel=0.04)
    assert np.ptp(canvas.y[inside]) == pytest.approx(60, abs=4)  # the long axis, x, was turned to y
    assert np.ptp(canvas.x[inside]) == pytest.approx(24, abs=4)


def test_rotation_takes_x_to_y_and_y_to_z():
    np.testing.assert_allclose(rotation(z_deg=90) @ (1, 0, 0), (0, 1, 0), atol=1e-12)
    np.testing.assert_allclose(rotation(x_deg=90) @ (0, 1, 0), (0, 0, 1), atol=1e-12)
    turn = rotation(20, -35, 50)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)


def test_tube_depth_is_the_distance_to_the_polyline(canvas):
    points, radius = np.array([(-20, 0, -20), (0, 5, 0), (25, -10, 10)], float), 6.0
    steps = np.linspace(0, 1, 2001)[:, None]
    line = np.concatenate([a + steps * (b - a) for a, b in itertools.pairwise(points)])
    depth = tube(canvas, points, radius)
    for index in [(20, 20, 20), (12, 21, 14), (24, 16, 30), (18, 22, 20)]:
        voxel = np.array([canvas.x[index], canvas.y[index], canvas.z[index]])
        assert depth[index] == pytest.approx(radius - np.linalg.norm(line - voxel, axis=1).min(), abs=0.02)


def test_curve_keeps_its_ends_and_its_inner_points():
    points = np.array([(0, 0, 0), (10, 5, 0), (20, 0, 5)], float)
    fine = curve(points, 400)
    np.testing.assert_allclose(fine[[0, -1]], points[[0, -1]], atol=1e-9)
    assert np.linalg.norm(fine - points[1], axis=1).min() < 0.1


def test_level_set_takes_the_lowest_of_the_allowed_voxels():
    level = np.random.default_rng(0).random((9, 10, 11))
    allowed = level > 0.3
    mask = level_set(level, allowed, 57)
    assert mask.sum() == 57
    assert level[mask].min() > 0.3
    assert level[mask].max() < level[allowed & ~mask].min()
    np.testing.assert_array_equal(level_set(level, allowed, 10_000), allowed)


def test_paint_over_leaves_other_tissues(canvas):
    canvas.paint(canvas.z > 0, "liver")
    box = canvas.box((0, 0, 0), (5, 5, 5))
    box.paint(np.ones(box.tissue.shape, bool), "spleen", over=("air",))
    assert (canvas.tissue[canvas.z > 0] == ID["liver"]).all()
    assert (canvas.tissue[20, 20, 20], canvas.tissue[0, 0, 0]) == (ID["spleen"], ID["air"])
