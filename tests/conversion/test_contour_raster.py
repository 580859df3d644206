"""Contours as voxels, against matplotlib's point-in-polygon and against areas and volumes in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon

from nnunetv2_muduo.conversion.contour_raster import fill, rasterize
from nnunetv2_muduo.imageio.nifti import CaseRefused


def slow_fill(outlines, shape):
    """Each pixel's center by itself, in an odd number of outlines."""
    rows, columns = np.indices(shape)
    centers = np.stack([columns.ravel(), rows.ravel()], 1)
    return (sum(Polygon(outline).contains_points(centers).astype(int) for outline in outlines) % 2 == 1).reshape(shape)


def distance_to_edges(outlines, point):
    """Between a point and the nearest of all edges."""
    starts = np.concatenate(outlines)
    edges = np.concatenate([np.roll(outline, -1, axis=0) for outline in outlines]) - starts
    along = np.clip(((point - starts) * edges).sum(1) / (edges**2).sum(1), 0, 1)
    return np.linalg.norm(starts + along[:, None] * edges - point, axis=1).min()


def star(rng, n_points, center, reach):
    angles = np.sort(rng.uniform(0, 2 * np.pi, n_points))[:, None]
    radii = rng.uniform(0.2, 1, (n_points, 1)) * reach
    return center + radii * np.hstack([np.cos(angles), np.sin(angles)])


def square(low, high):
    return np.array([(low, low), (high, low), (high, high), (low, high)], float)


def at(outline, z):
    return np.hstack([outline, np.full((len(outline), 1), float(z))])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 40), st.integers(1, 4))
def test_outlines_are_filled_as_matplotlib_does(seed, n_points, n_outlines):
    rng = np.random.default_rng(seed)  # some reach beyond the image, some cross themselves and each other
    outlines = [star(rng, n_points, rng.uniform(-3, 26, 2), rng.uniform(1, 15)) for _ in range(n_outlines)]
    ours, theirs = fill(outlines, (19, 23)), slow_fill(outlines, (19, 23))
    assert all(distance_to_edges(outlines, pixel[::-1]) < 0.011 for pixel in np.argwhere(ours != theirs))


def test_holes_islands_and_keyholes():
    rings = [square(1.5, 14.5), square(4.5, 11.5), square(6.5, 9.5)]
    expected = slow_fill(rings, (17, 17))
    assert expected.sum() == 13**2 - 7**2 + 3**2
    np.testing.assert_array_equal(fill(rings, (17, 17)), expected)
    outer, hole = square(1.5, 14.5), square(4.5, 11.5)
    keyhole = np.concatenate([outer, outer[:1], hole, hole[:1]])
    np.testing.assert_array_equal(fill([keyhole], (17, 17)), slow_fill(rings[:2], (17, 17)))


def test_contours_through_voxel_centers_hold_these_voxels():
    """As programs write that trace the centers of a mask's outermost voxels."""
    mask = fill([square(3, 7)], (12, 12))
    assert mask.sum() == 25
    assert mask[3:8, 3:8].all()
    assert fill([square(3.004, 6.996)], (12, 12)).sum() == 25  # rounded to 0.01 mm
    assert fill([square(3.02, 6.98)], (12, 12)).sum() == 9
    assert fill([np.array([(4.0, 5.0), (6.0, 5.0)])], (12, 12)).sum() == 3
    assert fill([np.array([(4.0, 5.0)])], (12, 12)).sum() == 1


def test_volume_of_an_ellipsoid():
    radii = np.array([13.2, 9.7, 8.4])
    contours = []
    for z in range(-8, 9):
        scale = np.sqrt(1 - (z / radii[2]) ** 2)
        angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        contours.append(
            np.stack(
                [
                    20.3 + scale * radii[0] * np.cos(angles),
                    15.6 + scale * radii[1] * np.sin(angles),
                    np.full(200, 10.0 + z),
                ],
                1,
            )
        )
    mask, n_beside = rasterize(contours, (40, 30, 20))
    assert n_beside == 0
    assert mask.shape == (20, 30, 40)
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * radii.prod(), rel=0.01)
    assert np.argwhere(mask).mean(0) == pytest.approx((10, 15.6, 20.3), abs=0.05)


def test_planes_that_are_finer_than_the_slices_make_nothing_thicker():
    small, large = square(4.5, 6.5), square(2.5, 8.5)
    mask, _ = rasterize([at(small, 3), at(large, 3.4), at(small, 2.7)], (12, 12, 8))
    assert mask[3].sum() == 4
    assert mask.sum() == 4
    mask, _ = rasterize([at(small, 3), at(square(8.5, 10.5), 3.4)], (12, 12, 8))
    assert mask.sum() == 8  # another part is not lost


def test_contours_go_to_the_nearest_slice_or_are_counted_as_beside():
    mask, n_beside = rasterize([at(square(2.5, 4.5), z) for z in (-0.6, 0.4, 4.7, 7.4, 7.6)], (8, 8, 8))
    assert [int(n) for n in mask.sum((1, 2))] == [4, 0, 0, 0, 0, 4, 0, 4]
    assert n_beside == 2


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_contours_in_planes_of_any_axis(axis):
    outline = star(np.random.default_rng(0), 9, (5.3, 6.1), 5)
    mask, _ = rasterize([np.insert(outline, axis, 4, axis=1)], (11, 12, 13))
    expected = slow_fill([outline], tuple((11, 12, 13)[i] for i in (2, 1, 0) if i != axis))
    np.testing.assert_array_equal(mask.take(4, axis=2 - axis), expected)
    assert mask.sum() == expected.sum() > 10


def test_a_contour_across_slices_is_refused():
    tilted = np.array([(2, 2, 2), (9, 2, 5), (9, 9, 8), (2, 9, 5)], float)
    with pytest.raises(CaseRefused, match="lies in no slice"):
        rasterize([tilted], (12, 12, 12))


def test_the_same_contour_twice_is_no_hole():
    outline = star(np.random.default_rng(1), 12, (6, 6), 5)
    once, _ = rasterize([at(outline, 2)], (12, 12, 4))
    twice, _ = rasterize([at(outline, 2), at(np.roll(outline[::-1], 3, axis=0), 2)], (12, 12, 4))
    assert once.sum() > 10
    np.testing.assert_array_equal(once, twice)


def test_an_roi_between_voxel_centers_is_the_voxel_that_it_lies_in():
    mask, _ = rasterize([at(square(3.1, 3.4), 2)], (8, 8, 4))
    assert np.argwhere(mask).tolist() == [[2, 3, 3]]
