"""How scans are resampled and kept."""

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.teacher_training.sources import find_scans
from nnunetv2_muduo.teacher_training.volumes import cached_volume, read_isotropic


def test_isotropic_volume_keeps_places(tmp_path, raw_dataset):
    """A linear ramp in mm is the same function of place after resampling, and axes are (x, y, z)."""
    scan = find_scans(str(raw_dataset), "ct")[0]
    shape_zyx, spacing = (9, 14, 12), np.array((3.0, 2.0, 5.0))
    indices = np.indices(shape_zyx)[::-1]  # x, y, z
    ramp = np.tensordot((1.0, 10.0, 100.0), indices * spacing[:, None, None, None], 1)
    for array, path in ((ramp, tmp_path / "i.nii.gz"), (np.ones(shape_zyx, np.uint8), tmp_path / "l.nii.gz")):
        image = sitk.GetImageFromArray(array.astype(np.float32) if array is ramp else array)
        image.SetSpacing(spacing.tolist())
        image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
        sitk.WriteImage(image, str(path))
    moved = type(scan)("case", "p", tmp_path / "i.nii.gz", tmp_path / "l.nii.gz", {1: "a"})
    resampled, labels = read_isotropic(moved, 4.0)
    assert resampled.shape == labels.shape == (9, 7, 11)  # 36, 28 and 45 mm
    x, y, z = (
        np.indices(resampled.shape) * 4.0 + 2.0 - spacing[:, None, None, None] / 2
    )  # centers, from the first center
    inside = (slice(1, -1),) * 3
    np.testing.assert_allclose(resampled[inside], (x + 10 * y + 100 * z)[inside], rtol=1e-4)


def test_native_spacing_changes_nothing(raw_dataset):
    scan = find_scans(str(raw_dataset), "ct")[0]
    image, labels = read_isotropic(scan, 4.0)
    np.testing.assert_array_equal(image.T, sitk.GetArrayFromImage(sitk.ReadImage(str(scan.image))))
    np.testing.assert_array_equal(labels.T, sitk.GetArrayFromImage(sitk.ReadImage(str(scan.label))))


def test_cache_is_kept_until_the_scan_changes(raw_dataset, tmp_path):
    scan = find_scans(str(raw_dataset), "pet")[0]
    first = cached_volume(scan, "pet", 4.0, tmp_path)
    assert first.image.dtype == np.float16
    np.save(first.path / "image.npy", np.zeros_like(first.image))
    assert not cached_volume(scan, "pet", 4.0, tmp_path).image.any()
    assert cached_volume(scan, "pet", 5.0, tmp_path).image.any()


def test_other_grids_and_values_are_refused(raw_dataset, tmp_path):
    first, other = find_scans(str(raw_dataset), "pet")[:2]
    small = sitk.ReadImage(str(first.label))[:-1]
    sitk.WriteImage(small, str(tmp_path / "small.nii.gz"))
    sitk.WriteImage(sitk.Flip(sitk.ReadImage(str(first.label)), (False, False, True)), str(tmp_path / "flipped.nii.gz"))
    for name in ("small", "flipped"):  # the second has the same size, and its voxels in another order
        with pytest.raises(ValueError, match=rf"different grids(.|\n)*{name}\.nii\.gz"):
            read_isotropic(type(first)("c", "p", first.image, tmp_path / f"{name}.nii.gz", {}), 4.0)
    image = sitk.Cast(sitk.ReadImage(str(first.image)), sitk.sitkFloat32) * 1e5
    sitk.WriteImage(image, str(tmp_path / "bq.nii.gz"))
    with pytest.raises(ValueError, match=r"bq\.nii\.gz has values from .* which are no SUV"):
        cached_volume(type(first)("c", "p", tmp_path / "bq.nii.gz", first.label, {}), "pet", 4.0, tmp_path)
    assert other.name != first.name


def test_organ_centers_are_those_of_simpleitks_boxes(volumes, raw_dataset):
    for volume in volumes:
        shapes = sitk.LabelShapeStatisticsImageFilter()
        shapes.Execute(sitk.ReadImage(str(raw_dataset / "labelsTr" / f"{volume.name}.nii.gz")))
        assert set(volume.centers) == {1, 2}
        for label, center in volume.centers.items():
            x, y, z, *size = shapes.GetBoundingBox(label)
            assert center == tuple(a + (n - 1) // 2 for a, n in zip((x, y, z), size, strict=True))


@pytest.mark.parametrize("off", [-1e-7, 1e-7, 4e-4])
def test_labels_that_a_header_has_scaled_are_rounded(raw_dataset, tmp_path, off):
    """Cut off, 0.9999999 would be background."""
    scan = find_scans(str(raw_dataset), "ct")[0]
    label = sitk.ReadImage(str(scan.label))
    for name, factor in (("scaled", 1 + off), ("half", 0.5)):
        sitk.WriteImage(sitk.Cast(label, sitk.sitkFloat64) * factor, str(tmp_path / f"{name}.nii.gz"))
    scaled, half = (type(scan)("c", "p", scan.image, tmp_path / f"{name}.nii.gz", {}) for name in ("scaled", "half"))
    np.testing.assert_array_equal(read_isotropic(scaled, 4.0)[1].T, sitk.GetArrayFromImage(label))
    with pytest.raises(ValueError, match=r"half\.nii\.gz is no label map.* such as 0\.5"):
        read_isotropic(half, 4.0)
