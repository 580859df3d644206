"""Domain randomization: what changes, what stays, and that a seed gives one crop."""

import numpy as np
import pytest

from nnunetv2_muduo.teacher_training.randomization import (
    METAL_HU,
    ball,
    randomize,
    smooth_field,
    with_metal,
    within_field_of_view,
)

SHAPE, LIVER, SPLEEN = (20, 20, 20), 1, 2


def phantom(modality):
    """A cube of tissue in air with two organs."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:8, 4:16, 4:16], labels[12:16, 4:16, 4:16] = LIVER, SPLEEN
    air, tissue, organs = (-1000, 40, (60, 50)) if modality == "ct" else (0.0, 1.0, (2.5, 2.0))
    image = np.full(SHAPE, air, np.float32)
    image[2:18, 2:18, 2:18] = tissue
    for label, value in zip((LIVER, SPLEEN), organs, strict=True):
        image[labels == label] = value
    return image, labels


def drawn(modality, n=60):
    image, labels = phantom(modality)
    return image, labels, [randomize(image, labels, modality, np.random.default_rng(seed)) for seed in range(n)]


@pytest.mark.parametrize("modality", ["ct", "pet"])
def test_a_seed_gives_one_crop_and_the_original_stays(modality):
    image, labels = phantom(modality)
    before = image.copy()
    first, again = (randomize(image, labels, modality, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(image, before)
    assert first.dtype == np.float32
    assert first.shape == SHAPE
    assert not np.array_equal(first, randomize(image, labels, modality, np.random.default_rng(4)))


@pytest.mark.parametrize(("modality", "least"), [("ct", 15), ("pet", 0.3)])
def test_organs_change_against_each_other(modality, least):
    _, labels, crops = drawn(modality)
    contrasts = [np.median(crop[labels == LIVER]) - np.median(crop[labels == SPLEEN]) for crop in crops]
    assert np.std(contrasts) > least
    assert all(np.isfinite(crop).all() for crop in crops)


def test_air_stays_air_in_ct():
    image, _, crops = drawn("ct")
    air = [np.median(crop[image == -1000]) for crop in crops]
    assert np.percentile(air, 90) < -800


def test_suv_is_never_negative_and_some_crops_have_hot_lesions():
    _, _, crops = drawn("pet")
    assert min(crop.min() for crop in crops) >= 0
    hottest = np.array([crop.max() for crop in crops])
    assert 0.15 < np.mean(hottest > 12) < 0.7


def test_some_crops_are_cut():
    *_, crops = drawn("ct")
    cut = [any((np.take(crop, i, axis) == 0).all() for axis in range(3) for i in (0, -1)) for crop in crops]
    assert 0.03 < np.mean(cut) < 0.4


def test_metal_lies_in_the_body_and_streaks_stay_in_its_slice():
    image, _ = phantom("ct")
    changed = with_metal(image, image > -500, np.random.default_rng(0))
    ((x, y, z),) = np.argwhere(changed == METAL_HU)
    assert image[x, y, z] > -500
    others = np.arange(SHAPE[2]) != z
    np.testing.assert_array_equal(changed[:, :, others], image[:, :, others])
    assert np.std(changed[:, :, z] - image[:, :, z]) > 50
    air = np.full(SHAPE, -1000.0)
    assert with_metal(air, air > -500, np.random.default_rng(0)) is air


def test_a_field_of_view_is_round_in_every_slice():
    image = np.random.default_rng(1).uniform(0, 100, SHAPE)
    for seed in range(10):
        changed = within_field_of_view(image, np.random.default_rng(seed), -1000.0)
        outside = changed == -1000
        assert 0.1 < outside.mean() < 0.95
        assert (outside == outside[..., :1]).all()
        np.testing.assert_array_equal(changed[~outside], image[~outside])
        x, y = np.nonzero(~outside[..., 0])
        assert not outside[round(x.mean()), round(y.mean()), 0]


def test_fields_and_balls():
    rng = np.random.default_rng(0)
    field = smooth_field(SHAPE, rng)
    assert field.std() == pytest.approx(1)
    assert np.abs(np.diff(field, axis=0)).mean() < 0.8
    places = np.argwhere(ball(SHAPE, rng, (3, 3)))
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    assert distances.max() <= 6
