import gzip
import itertools
import zipfile

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.imageio.nifti import NiftiFile, ZipMember, nifti_stem, read_nifti, require_intact
from nnunetv2_muduo.imageio.refusal import CaseRefused

TYPES = (np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64)


@pytest.mark.parametrize("dtype", TYPES)
def test_reads_what_simpleitk_reads(tmp_path, petct, dtype):
    rng = np.random.default_rng(0)
    direction = tuple(np.linalg.qr(rng.normal(size=(3, 3)))[0].ravel())
    image = petct.image_of(rng.integers(0, 200, (4, 5, 6)).astype(dtype), direction=direction)
    for name in ("image.nii.gz", "image.nii"):
        sitk.WriteImage(image, str(tmp_path / name))
        ours, theirs = NiftiFile(tmp_path / name).read(), sitk.ReadImage(str(tmp_path / name))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(theirs))
        for what in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection", "GetPixelID"):
            assert getattr(ours, what)() == getattr(theirs, what)()


def test_rescale_slope_of_the_header_counts(tmp_path):
    image = nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([2.0, 2, 3, 1]))
    image.header.set_slope_inter(0.5, -1000)
    nibabel.save(image, tmp_path / "scaled.nii.gz")
    ours = sitk.GetArrayFromImage(NiftiFile(tmp_path / "scaled.nii.gz").read())
    np.testing.assert_allclose(ours, sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "scaled.nii.gz"))))
    assert ours.min() < -900


@pytest.mark.parametrize("kept", [0, 1, 30, 0.5, 0.9, -1])
def test_truncated_files_are_refused(tmp_path, petct, kept):
    path = petct.write_study(tmp_path, petct.random_study(0)) / "SUV.nii.gz"
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(CaseRefused, match=r"SUV\.nii\.gz"):
        NiftiFile(path).read()


def test_corrupt_and_cut_short_contents_are_refused(tmp_path, petct):
    path = petct.write_study(tmp_path, petct.random_study(0)) / "SUV.nii.gz"
    intact = path.read_bytes()
    flipped = bytearray(intact)
    flipped[len(flipped) // 2] ^= 0xFF
    shortened = gzip.compress(gzip.decompress(intact)[:-40])
    for data in (bytes(flipped), shortened, b"not an image", gzip.compress(b"")):
        path.write_bytes(data)
        with pytest.raises(CaseRefused, match=r"SUV\.nii\.gz"):
            NiftiFile(path).read()


def test_images_that_are_not_3d_and_scalar_are_refused(tmp_path):
    arrays = {"four": np.zeros((2, 3, 4, 5), np.float32), "two": np.zeros((3, 4), np.float32)}
    for name, array in arrays.items():
        path = tmp_path / f"{name}.nii.gz"
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
        with pytest.raises(CaseRefused, match="3-dimensional"):
            NiftiFile(path).read()


def test_zip_members_read_like_files(tmp_path, petct):
    path = petct.write_study(tmp_path, petct.random_study(0)) / "SEG.nii.gz"
    with zipfile.ZipFile(tmp_path / "maps.zip", "w") as archive:
        archive.write(path, "folder/PETCT_0a_nativ u. mit_.nii.gz")
    image, digest = ZipMember(tmp_path / "maps.zip", "folder/PETCT_0a_nativ u. mit_.nii.gz").read_with_hash()
    expected, expected_digest = NiftiFile(path).read_with_hash()
    assert digest == expected_digest
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(expected))


def test_stem_keeps_dots():
    for stem, ending in itertools.product(("a", "nativ u. mit"), (".nii", ".nii.gz")):
        assert nifti_stem(stem + ending) == stem


@pytest.mark.parametrize("dtype", [">i2", ">f4", ">f8"])
def test_the_other_order_of_bytes(tmp_path, dtype):
    values = np.arange(60).reshape(3, 4, 5).astype(dtype)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4), nibabel.Nifti1Header(endianness=">")), tmp_path / "big.nii.gz")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_nifti(tmp_path / "big.nii.gz")).T, values)


def test_intact_files_are_told_without_making_an_image(tmp_path, petct):
    path = petct.write_study(tmp_path, petct.random_study(0)) / "SUV.nii.gz"
    require_intact(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(CaseRefused, match=r"SUV\.nii\.gz can't be read, truncated or damaged"):
        require_intact(path)
    values = np.zeros((3, 4, 5), np.float32)
    values[0, 0, :2] = np.nan, np.inf
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    with pytest.raises(CaseRefused, match=r"SUV\.nii\.gz holds 2 values that are not finite"):
        require_intact(path)
