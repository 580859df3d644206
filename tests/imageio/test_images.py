import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.imageio.images import read_image, read_labels, read_pet
from nnunetv2_muduo.imageio.refusal import CaseRefused


def test_large_images_survive_reading(tmp_path):
    """Large enough for its memory to be given back at once where a view of a freed image is read."""
    values = np.random.default_rng(0).integers(0, 9, (120, 300, 300))
    for dtype, read in ((np.float32, read_pet), (np.uint8, read_labels)):
        sitk.WriteImage(sitk.GetImageFromArray(values.astype(dtype)), str(tmp_path / "image.nii"))
        np.testing.assert_array_equal(read(tmp_path / "image.nii"), values)


def test_each_format_is_read_with_the_same_checks(tmp_path):
    image = sitk.GetImageFromArray(np.arange(60, dtype=np.float32).reshape(3, 4, 5))
    image.SetSpacing((1.0, 2.0, 3.0))
    for ending in (".nii.gz", ".nii", ".nrrd", ".mha"):
        sitk.WriteImage(image, str(tmp_path / f"whole{ending}"))
        read = read_image(str(tmp_path / f"whole{ending}"))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(image))
        assert read.GetSpacing() == image.GetSpacing()
        for name, value in (("nan", np.nan), ("infinite", np.inf)):
            sitk.WriteImage(
                sitk.GetImageFromArray(np.full((3, 4, 5), value, np.float32)), str(tmp_path / f"{name}{ending}")
            )
            with pytest.raises(CaseRefused, match=rf"{name}{ending} holds 60 values that are not finite"):
                read_image(tmp_path / f"{name}{ending}")
        sitk.WriteImage(sitk.JoinSeries([image, image]), str(tmp_path / f"four{ending}"))
        with pytest.raises(CaseRefused, match=rf"four{ending} is no 3D volume"):
            read_image(tmp_path / f"four{ending}")


def test_labels_are_whole_numbers_of_16_bits(tmp_path):
    for name, value in (("half", 0.5), ("large", 40000.0), ("huge", 1e20)):
        sitk.WriteImage(sitk.GetImageFromArray(np.full((3, 4, 5), value)), str(tmp_path / f"{name}.nii.gz"))
        with pytest.raises(CaseRefused, match=f"{name}.nii.gz is no label map"):
            read_labels(tmp_path / f"{name}.nii.gz")


SCALE_SLOPE = slice(112, 116)
"""Bytes of scl_slope in a header of NIfTI."""


def write_labels(path, one, dtype=np.float32):
    values = np.zeros((3, 4, 5), dtype)
    values[1, 2, 3], values[0, 0, 1] = one, 2
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path))


@pytest.mark.parametrize("one", [1.0000001, 0.9999999, 1.0009, 0.9991])
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_labels_are_rounded_where_a_header_has_scaled_them(tmp_path, one, ending):
    write_labels(tmp_path / f"label{ending}", one)
    labels = read_labels(tmp_path / f"label{ending}")
    assert labels.dtype == np.int16
    assert (labels[1, 2, 3], labels[0, 0, 1], np.abs(labels).sum()) == (1, 2, 3)


@pytest.mark.parametrize("one", [1.002, 0.5, -0.01])
def test_the_worst_label_is_named(tmp_path, one):
    write_labels(tmp_path / "label.nii.gz", one, np.float64)
    with pytest.raises(CaseRefused, match=rf"label.nii.gz is no label map: .* such as {one:g}\."):
        read_labels(tmp_path / "label.nii.gz")


def test_a_slope_in_the_header_leaves_labels_as_they_are(tmp_path):
    """As tools write that use all of a byte: 85 times the slope in float32 is 1.9999999."""
    image = nibabel.Nifti1Image(np.array([0, 85, 170], np.uint8).reshape(3, 1, 1), np.eye(4))
    data = bytearray(image.to_bytes())
    data[SCALE_SLOPE] = np.float32(2 / 85).tobytes()
    (tmp_path / "label.nii").write_bytes(data)
    assert nibabel.load(tmp_path / "label.nii").get_fdata()[1, 0, 0] != 2
    assert read_labels(tmp_path / "label.nii").ravel().tolist() == [0, 2, 4]
