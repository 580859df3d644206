"""Channels on disk: exact whatever they hold, and small where a scanner wrote them."""

import blosc2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params, nnUNetDatasetBlosc2
from scipy.ndimage import gaussian_filter

from nnunetv2_muduo.data.channels import StoredChannel, without_air_noise, write_channel

WHOLE = (slice(None),) * 3


def scanner_suv(seed: int, shape=(24, 40, 44)) -> np.ndarray:
    """Smooth activity with noise, as 16-bit numbers times a scale per slice, in float32."""
    rng = np.random.default_rng(seed)
    activity = gaussian_filter(rng.random(shape), 3)
    noisy = rng.gamma(20 * (activity > np.quantile(activity, 0.4)) * activity / activity.mean() + 0.01)
    noisy[:, :3, :3] *= 10  # a hot spot, as the bladder is
    scales = noisy.max((1, 2)) / 32767
    numbers = np.rint(noisy / scales[:, None, None])
    return (numbers * scales[:, None, None]).astype(np.float32)


def volumes():
    rng = np.random.default_rng(0)
    shape = (12, 16, 10)
    suv = scanner_suv(0, shape)
    return {
        "scanner": suv,
        "rounded twice": (suv.astype(np.float64) * 1.2345678).astype(np.float32),
        "whole": rng.integers(-1024, 3000, shape).astype(np.float32),
        "beyond 16 bits": rng.integers(-(2**20), 2**20, shape).astype(np.float32),
        "normal": rng.normal(size=shape).astype(np.float32),
        "tiny": (1e-30 * rng.normal(size=shape)).astype(np.float32),
        "huge": (1e30 * rng.normal(size=shape)).astype(np.float32),
        "zero": np.zeros(shape, np.float32),
        "halves and zero": rng.choice(np.array([0, 0.5, 7.5], np.float32), shape),
        "float16": rng.normal(size=shape).astype(np.float16),
    }


def write_and_open(volume: np.ndarray, folder, slice_axis: int) -> StoredChannel:
    return StoredChannel(folder / "a.b2nd", **write_channel(volume, folder / "a.b2nd", [8, 8, 8], slice_axis))


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
@pytest.mark.parametrize("kind", list(volumes()))
def test_every_volume_comes_back_exactly(tmp_path, kind, slice_axis):
    volume = volumes()[kind]
    stored = write_and_open(volume, tmp_path, slice_axis)
    assert stored.shape == volume.shape
    assert stored[WHOLE].dtype == np.float32
    assert np.array_equal(stored[WHOLE], volume.astype(np.float32))
    region = (slice(3, 9), slice(0, 5), slice(7, 10))
    assert np.array_equal(stored[region], volume[region].astype(np.float32))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-6, 1e3))
def test_scanners_numbers_are_found_again(tmp_path_factory, seed, scale):
    folder = tmp_path_factory.mktemp("channel")
    rng = np.random.default_rng(seed)
    numbers = np.minimum(rng.geometric(1 / 300, (3, 30, 30)), 32767)
    volume = (numbers * np.array([1, 0.37, 2.2])[:, None, None] * scale).astype(np.float32)
    assert np.array_equal(write_and_open(volume, folder, 0)[WHOLE], volume)
    lack = folder / "a_lack.b2nd"
    assert not lack.is_file() or np.abs(blosc2.open(str(lack))[:]).max() <= 1  # unit in the last place


def test_a_channel_that_is_written_again_leaves_nothing_of_the_first(tmp_path):
    write_and_open(volumes()["normal"], tmp_path, 0)
    assert (tmp_path / "a_lack.b2nd").is_file()
    whole = volumes()["whole"]
    assert np.array_equal(write_and_open(whole, tmp_path, 0)[WHOLE], whole)


def test_a_scanners_channel_takes_less_than_half_of_nnunets_bytes(tmp_path):
    suv, patch_size = scanner_suv(1, (48, 64, 64)), [64, 64, 64]
    write_channel(suv, tmp_path / "a.b2nd", patch_size, slice_axis=0)
    own = sum(path.stat().st_size for path in tmp_path.iterdir())
    normalized = ((suv - suv.mean()) / suv.std())[None]
    blocks, chunks = comp_blosc2_params(normalized.shape, patch_size, 4)
    nnUNetDatasetBlosc2.save_case(
        normalized, np.zeros(normalized.shape, np.int8), {}, str(tmp_path / "nnunet"), chunks=chunks, blocks=blocks
    )
    assert own < 0.5 * (tmp_path / "nnunet.b2nd").stat().st_size


@pytest.mark.parametrize(("lower", "upper"), [(-949.5, 201.0), (-68.0, 153.0), (-1010.0, 1200.0), (-np.inf, np.inf)])
def test_air_is_all_that_changes_in_ct(lower, upper):
    ct_hu = np.random.default_rng(0).uniform(-1100, 1500, (20, 20, 20)).astype(np.float32)
    kept = without_air_noise(ct_hu, lower, upper)
    assert np.array_equal(np.clip(kept, lower, upper), np.clip(ct_hu, lower, upper))  # student
    seen, was_seen = np.clip(kept, -1000, 1000), np.clip(ct_hu, -1000, 1000)  # teacher
    air = ct_hu < -900
    assert np.array_equal(seen[~air], was_seen[~air])
    assert np.abs(seen - was_seen).max() < 16
    assert kept.dtype == np.float32
