"""Surfaces by area: shapes whose area is known, and figures of the library that the challenge uses."""

import itertools
import math

import numpy as np
import pytest
from scipy import ndimage

from nnunetv2_muduo.evaluation.surface_elements import surface_dice, surface_elements

SPACINGS_MM = ((3.0, 2.0, 2.5), (1.0, 1.0, 1.0), (0.7, 0.9, 5.0))
OF_THE_LIBRARY = (  # surface-distance 0.1, within 2 mm, for each seed and spacing
    (0.8684146217335816, 0.9906620011065347, 0.978286460427983),
    (0.9200654092992359, 0.992706744713523, 0.9856698027863536),
    (0.9007894352903908, 0.9973864115213574, 0.9844347310105942),
    (0.9160037552863737, 0.9946939170289614, 0.9890698236615822),
)


def blobs(seed):
    rng = np.random.default_rng(seed)
    first, second = (ndimage.gaussian_filter(rng.standard_normal((14, 16, 18)), 1.5) for _ in range(2))
    return first > 0.05, (first + 0.5 * second) > 0.05


@pytest.mark.parametrize(("seed", "number"), list(itertools.product(range(4), range(3))))
def test_figures_are_those_of_the_library(seed, number):
    found = surface_dice(*blobs(seed), SPACINGS_MM[number], 2.0)
    assert found == pytest.approx(OF_THE_LIBRARY[seed][number], abs=1e-9)


@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
def test_a_voxel_is_an_octahedron(spacing_mm):
    a, b, c = (mm / 2 for mm in spacing_mm)
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    places, areas = surface_elements(mask, spacing_mm)
    assert len(places) == 8
    np.testing.assert_allclose(areas, math.sqrt((a * b) ** 2 + (b * c) ** 2 + (a * c) ** 2) / 2, rtol=1e-12)
    np.testing.assert_allclose(places.max(0) - places.min(0), spacing_mm)


def test_a_slab_has_two_faces():
    mask = np.zeros((7, 40, 40), bool)
    mask[3] = True
    _, areas = surface_elements(mask, (3.0, 2.0, 2.5))
    inner = areas.reshape(2, 41, 41)[:, 1:-1, 1:-1]
    np.testing.assert_allclose(inner, 2.0 * 2.5)


@pytest.mark.parametrize("code", range(1, 255))
def test_inside_and_outside_may_be_exchanged(code):
    corners = np.array([code >> bit & 1 for bit in range(8)], bool).reshape(2, 2, 2)
    whole = np.zeros((4, 4, 4), bool)
    whole[1:3, 1:3, 1:3] = corners
    other = np.ones((6, 6, 6), bool)
    other[1:5, 1:5, 1:5] = ~whole
    middle = [element_at(mask, (start, start, start)) for mask, start in ((whole, 2), (other, 3))]
    assert middle[0] == pytest.approx(middle[1], abs=1e-9)
    assert middle[0] > 0


def element_at(mask, place):
    places, areas = surface_elements(mask, (1.0, 1.0, 1.0))
    (found,) = areas[(places == place).all(1)]
    return found


def test_empty_masks():
    mask, empty = np.ones((3, 3, 3), bool), np.zeros((3, 3, 3), bool)
    assert surface_dice(mask, mask, (1, 1, 1), 0.0) == 1
    assert surface_dice(mask, empty, (1, 1, 1), 9.0) == surface_dice(empty, mask, (1, 1, 1), 9.0) == 0
    assert math.isnan(surface_dice(empty, empty, (1, 1, 1), 9.0))
