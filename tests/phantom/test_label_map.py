"""Reading label maps: the resampling against brute force, volumes, orientation, and what is refused."""

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.phantom.label_map import LabelMap, read_label_map, resample


def write(path, array, spacing_xyz=(2.0, 2.0, 3.0), orientation="LPS"):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing_xyz)
    image.SetOrigin((10.0, -20.0, 30.0))
    sitk.WriteImage(sitk.DICOMOrient(image, orientation), str(path))
    return path


def centers_mm(labels, value):
    indices = np.nonzero(labels.labels == value)
    return np.array([axis[i].mean() for axis, i in zip(labels.axes_zyx, indices, strict=True)])


def blobs(rng, shape):
    z, y, x = np.meshgrid(*map(np.arange, shape), indexing="ij")
    labels = np.zeros(shape, np.uint8)
    for value in (1, 2, 3):
        center, half = rng.uniform(0.3, 0.7, 3) * shape, rng.uniform(6, 9, 3)
        inside = sum(((a - c) / h) ** 2 for a, c, h in zip((z, y, x), center, half, strict=True)) < 1
        labels[inside] = value
    return labels


def test_an_organ_takes_the_voxels_it_fills_most():
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[1:6, 2:7, 2:8] = 4
    coarse = resample(LabelMap(labels, (1.0,) * 3, (0.0,) * 3), 2.0).labels
    filled = (labels == 4).reshape(4, 2, 4, 2, 4, 2).mean((1, 3, 5))
    chosen = filled[coarse == 4]
    assert chosen.min() > filled[coarse == 0].max()
    errors = [abs((filled >= level).sum() - (labels == 4).sum() / 8) for level in np.unique(filled[filled > 0])]
    assert abs(len(chosen) - (labels == 4).sum() / 8) == min(errors)


@pytest.mark.parametrize("spacing_mm", [2.0, 5.0, 8.0])
def test_volumes_and_places_are_kept(spacing_mm):
    fine = LabelMap(blobs(np.random.default_rng(1), (40, 44, 48)), (3.0, 2.04, 2.04), (-7.0, 5.0, 100.0))
    coarse = resample(fine, spacing_mm)
    for value in (1, 2, 3):
        volume = (fine.labels == value).sum() * 3 * 2.04**2
        assert (coarse.labels == value).sum() * spacing_mm**3 == pytest.approx(volume, rel=0.1)
        np.testing.assert_allclose(centers_mm(coarse, value), centers_mm(fine, value), atol=0.25 * spacing_mm)


def test_a_single_voxel_stays_even_inside_a_larger_organ():
    labels = np.full((12, 12, 12), 2, np.uint8)
    labels[5, 5, 5] = 1
    coarse = resample(LabelMap(labels, (1.0,) * 3, (0.0,) * 3), 4.0).labels
    np.testing.assert_array_equal(np.argwhere(coarse == 1), [(1, 1, 1)])
    assert (coarse == 2).sum() == 26


def test_the_same_spacing_changes_nothing():
    labels = blobs(np.random.default_rng(2), (20, 22, 24))
    same = resample(LabelMap(labels, (3.0,) * 3, (1.0, 2.0, 3.0)), 3.0)
    np.testing.assert_array_equal(same.labels, labels)
    assert same.origin_zyx == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("orientation", ["RAS", "LPI", "PIR", "SLA"])
def test_orientation_on_disk_does_not_matter(tmp_path, orientation):
    labels = blobs(np.random.default_rng(3), (30, 32, 34))
    expected = read_label_map(write(tmp_path / "lps.nii.gz", labels), 4.0)
    found = read_label_map(write(tmp_path / "other.nii.gz", labels, orientation=orientation), 4.0)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_allclose(found.origin_zyx, expected.origin_zyx)
    np.testing.assert_allclose(expected.origin_zyx, (30.5, -19, 11))  # the first voxel's corner, plus half a new voxel


def test_oblique_broken_and_fractional_maps_are_refused(tmp_path):
    labels = blobs(np.random.default_rng(3), (10, 12, 14))
    image = sitk.GetImageFromArray(labels)
    image.SetDirection((0.8, 0.6, 0, -0.6, 0.8, 0, 0, 0, 1))
    sitk.WriteImage(image, str(tmp_path / "oblique.nii.gz"))
    with pytest.raises(ValueError, match="oblique"):
        read_label_map(tmp_path / "oblique.nii.gz", 4.0)
    with pytest.raises(ValueError, match=r"0 to 255 expected, found 0\.0 to 0\.5"):
        read_label_map(write(tmp_path / "half.nii.gz", (labels > 0) * 0.5), 4.0)
    whole = write(tmp_path / "whole.nii.gz", labels).read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="truncated or damaged"):
        read_label_map(tmp_path / "cut.nii.gz", 4.0)


def test_labels_that_a_header_has_scaled_are_rounded(tmp_path):
    labels = blobs(np.random.default_rng(0), (20, 22, 24))
    whole = read_label_map(write(tmp_path / "whole.nii.gz", labels), 3.0)
    for factor in (1 - 1e-7, 1 + 1e-7):
        scaled = read_label_map(write(tmp_path / "scaled.nii.gz", labels * factor), 3.0)
        np.testing.assert_array_equal(scaled.labels, whole.labels)
