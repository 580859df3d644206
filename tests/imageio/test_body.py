"""Mass and uptake of a body against numbers that are counted by hand."""

import numpy as np
import pytest

from nnunetv2_muduo.imageio.body import BodyUptake

VOXEL_ML = 0.5


@pytest.fixture
def body():
    """1000 voxels of muscle (SUV 1) with 50 of a tumor (SUV 11), a lung of 200 (SUV 0.5), 3950 of air (SUV 0.02)."""
    hu, suv = np.full(5150, -1000, np.int16), np.full(5150, 0.02, np.float32)
    hu[:1000], suv[:1000], suv[:50] = 40, 1, 11
    hu[1000:1200], suv[1000:1200] = -800, 0.5
    return hu.reshape(10, 5, 103), suv.reshape(10, 5, 103)


def test_mass_and_uptake_are_those_of_the_body_alone(body):
    uptake = BodyUptake.of(*body, VOXEL_ML)
    assert uptake.body_kg == pytest.approx(0.5)
    assert uptake.mean_suv == pytest.approx((950 * 1 + 50 * 11) / 1000)
    assert (uptake.median_suv, uptake.tenth_suv) == (1, 1)
    assert uptake.air == pytest.approx(3950 / 5150)
    total = 950 + 550 + 100 + 3950 * 0.02
    assert uptake.suv_kg == pytest.approx(total * VOXEL_ML / 1000, rel=1e-5)
    assert uptake.on_tissue == pytest.approx((total - 3950 * 0.02) / total, rel=1e-5)


@pytest.mark.parametrize("copy", [lambda hu: hu, lambda hu: hu / 1000 + 3, lambda hu: np.maximum(hu, 0)])
def test_a_copy_of_the_ct_is_like_it_and_a_pet_is_not(body, copy):
    hu = body[0] + np.random.default_rng(0).normal(0, 50, body[0].shape)
    assert BodyUptake.of(hu, copy(hu), VOXEL_ML).likeness > 0.99
    assert BodyUptake.of(hu, body[1], VOXEL_ML).likeness < 0.5


def test_an_even_uptake_is_like_nothing(body):
    assert BodyUptake.of(body[0], np.ones_like(body[1]), VOXEL_ML).likeness == 0
