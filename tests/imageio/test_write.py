"""Written images: whole, or an error that names the file."""

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.imageio.nifti import read_nifti
from nnunetv2_muduo.imageio.write import write_nifti

RNG = np.random.default_rng(0)
VALUES = {
    "uint8": RNG.integers(0, 9, (11, 12, 13)).astype(np.uint8),
    "int16": RNG.integers(-1000, 2000, (9, 30, 17)).astype(np.int16),
    "float32": RNG.normal(size=(20, 21, 22)).astype(np.float32),
    "one voxel": np.ones((1, 1, 1), np.float64),
}


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_what_is_written_is_read(tmp_path, values, ending):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((2.0, 2.5, 3.0))
    write_nifti(image, tmp_path / f"image{ending}")
    read = read_nifti(tmp_path / f"image{ending}")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), values)
    assert read.GetSpacing() == (2.0, 2.5, 3.0)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("n_bytes", [0, 3, 200, 352, 5000])
def test_a_file_that_is_cut_off_is_refused_and_removed(tmp_path, ending, n_bytes):
    """As on a full disk, where ITK ends without an error."""
    resource = pytest.importorskip("resource", reason="limits of files are POSIX's")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    image, path = sitk.GetImageFromArray(VALUES["float32"]), tmp_path / f"image{ending}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        with pytest.raises(OSError, match=rf"image\{ending} could not be written"):
            write_nifti(image, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not path.exists() or n_bytes == 0


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        write_nifti(sitk.GetImageFromArray(VALUES["uint8"]), tmp_path / "nowhere" / "image.nii.gz")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("n_bytes", [0, 3, 352, 5000])
def test_an_image_that_was_there_stays_whole(tmp_path, ending, n_bytes):
    resource = pytest.importorskip("resource", reason="limits of files are POSIX's")
    path = tmp_path / f"image{ending}"
    write_nifti(sitk.GetImageFromArray(VALUES["uint8"]), path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        with pytest.raises(OSError, match=rf"image\{ending} could not be written"):
            write_nifti(sitk.GetImageFromArray(VALUES["float32"]), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
