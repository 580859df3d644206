"""Teacher inputs against plain NumPy."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode

from nnunetv2_muduo.teachers.patch_space import (
    from_teacher_axes,
    normalize_ct,
    normalize_pet,
    patch_logits,
    patch_probs,
    points_to_teacher_axes,
    resampled,
    resampled_points,
    teacher_axes,
    to_teacher_axes,
)

TRANSPOSES = list(itertools.permutations(range(3)))


@pytest.fixture
def array_zyx() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 4, 5))


@pytest.mark.parametrize("transpose_forward", TRANSPOSES)
def test_teachers_see_x_y_z_whatever_the_plan_transposes(array_zyx, transpose_forward):
    patch = torch.from_numpy(array_zyx.transpose(transpose_forward).copy())  # as nnU-Net's preprocessing does
    axes = teacher_axes(transpose_forward)
    np.testing.assert_array_equal(to_teacher_axes(patch[None, None], axes)[0, 0].numpy(), array_zyx.transpose())


@pytest.mark.parametrize("transpose_forward", TRANSPOSES)
def test_axes_round_trip(array_zyx, transpose_forward):
    axes = teacher_axes(transpose_forward)
    volume = torch.from_numpy(array_zyx)
    assert torch.equal(from_teacher_axes(to_teacher_axes(volume, axes), axes), volume)
    points = torch.randint(0, 3, (2, 7, 3))
    inverse = tuple(axes.index(axis) for axis in range(3))
    assert torch.equal(points_to_teacher_axes(points_to_teacher_axes(points, axes), inverse), points)


@pytest.mark.parametrize("transpose_forward", TRANSPOSES)
def test_points_keep_to_their_voxel(array_zyx, transpose_forward):
    axes = teacher_axes(transpose_forward)
    patch = torch.from_numpy(array_zyx)
    seen = to_teacher_axes(patch, axes)
    for point in torch.tensor([[0, 1, 2], [2, 3, 4], [1, 0, 3]]):
        assert seen[tuple(points_to_teacher_axes(point, axes))] == patch[tuple(point)]


@pytest.mark.parametrize("transpose_forward", [(0, 1), (0, 1, 1), (1, 2, 3)])
def test_other_transposes_are_refused(transpose_forward):
    with pytest.raises(ValueError, match="must be an order of 0, 1, 2"):
        teacher_axes(transpose_forward)


def z_score(volume: np.ndarray) -> np.ndarray:
    positive = volume[volume > 0]
    return (volume - positive.mean()) / positive.std(ddof=1)


def test_ct_is_clamped_and_scaled_per_patch():
    ct_hu = np.random.default_rng(1).normal(0, 900, size=(2, 1, 6, 7, 8))
    ct_hu[1] += 300
    expected = [z_score(patch.clip(-1000, 1000)) for patch in ct_hu]
    np.testing.assert_allclose(normalize_ct(torch.from_numpy(ct_hu)).numpy(), expected, rtol=1e-10)
    in_float32 = normalize_ct(torch.from_numpy(ct_hu).float()).numpy()
    np.testing.assert_allclose(in_float32, expected, rtol=1e-4, atol=1e-5)


def test_pet_is_scaled_per_patch_and_not_clamped():
    pet_suv = np.random.default_rng(2).exponential(2, size=(2, 1, 6, 7, 8))
    pet_suv[pet_suv < 0.5] = 0
    pet_suv[0, 0, 0, 0, 0] = 5000
    expected = [z_score(patch) for patch in pet_suv]
    np.testing.assert_allclose(normalize_pet(torch.from_numpy(pet_suv)).numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("value", [0.0, -3.0, 0.1, 7.3])
@pytest.mark.parametrize("normalize", [normalize_ct, normalize_pet])
def test_patches_without_variation_become_zeros(normalize, value):
    volume = torch.full((2, 1, 16, 16, 16), value)
    volume[1, 0, :8] = torch.linspace(1, 2, 8).view(8, 1, 1)  # the second patch varies
    normalized = normalize(volume)
    assert normalized.isfinite().all()
    assert torch.equal(normalized[0], torch.zeros(1, 16, 16, 16))
    assert normalized[1].std() > 0.1


def test_a_single_positive_voxel_gives_zeros():
    volume = torch.zeros(1, 1, 4, 4, 4)
    volume[0, 0, 1, 2, 3] = 4.0
    assert torch.equal(normalize_pet(volume), torch.zeros_like(volume))


def test_normalization_waits_for_nothing_on_the_host():
    with FakeTensorMode():
        assert normalize_ct(torch.empty(2, 1, 8, 8, 8)).shape == (2, 1, 8, 8, 8)


def test_upsampling_is_trilinear_with_centers_aligned():
    ramp = torch.arange(8.0).view(1, 1, 8, 1, 1).expand(2, 1, 8, 8, 8)
    upsampled = patch_logits(ramp, (32, 32, 32))
    centers = (torch.arange(32) + 0.5) / 4 - 0.5  # of the fine voxels, in coarse ones
    expected = centers.clamp(0, 7).view(1, 32, 1, 1).expand(2, 32, 32, 32)
    torch.testing.assert_close(upsampled, expected)


def test_patch_probabilities_equal_torchs_interpolation():
    logits = 5 * torch.randn(2, 1, 8, 6, 7, generator=torch.Generator().manual_seed(0)).transpose(2, 4)
    expected = F.interpolate(logits, size=(28, 30, 16), mode="trilinear", align_corners=False)[:, 0].sigmoid()
    torch.testing.assert_close(patch_probs(logits, (28, 30, 16)), expected, rtol=1e-5, atol=1e-6)


def test_a_patch_is_resampled_as_trilinear_interpolation_does_it():
    volumes = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    finer = resampled(volumes, (9, 6, 24))
    expected = F.interpolate(volumes[None], size=(9, 6, 24), mode="trilinear", align_corners=False)[0]
    torch.testing.assert_close(finer, expected, rtol=1e-5, atol=1e-5)
    assert resampled(volumes, (5, 6, 7)) is volumes


def test_nothing_is_skipped_where_the_teachers_see_fewer_voxels():
    volume = torch.zeros(1, 30, 24, 24)
    volume[0, 13, 11, 11] = 1.0  # between the places of a grid of a third as many voxels
    coarser = resampled(volume, (10, 8, 8))
    assert float(coarser.sum() * 27) == pytest.approx(1.0, rel=1e-4)
    assert float(resampled(torch.full((1, 30, 24, 24), 7.0), (10, 8, 8)).std()) < 1e-5


@pytest.mark.parametrize("size", [(8, 24, 24), (24, 10, 48), (5, 7, 9)])
def test_a_resampled_point_is_the_voxel_that_its_center_lies_in(size):
    old = (12, 16, 24)
    points = torch.stack(torch.meshgrid(*(torch.arange(n) for n in old), indexing="ij"), -1).reshape(-1, 3).float()
    centers = (points.numpy() + 0.5) / old  # as shares of the patch
    assert np.array_equal(resampled_points(points, old, size).numpy(), np.floor(centers * size))
