"""Equal voxels are one scan, however its file is called, packed and headed."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.imageio.voxels import equal_images, voxel_digest

VALUES = np.random.default_rng(0).normal(size=(20, 12, 11)).astype(np.float32)


def write(path: Path, values=VALUES, origin=(0.0, 0.0, 0.0)) -> Path:
    image = sitk.GetImageFromArray(values)
    image.SetOrigin(origin)
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


def packed_anew(path: Path, copy: Path) -> None:
    copy.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1, mtime=12345))


def saved_by_nibabel(path: Path, copy: Path) -> None:
    image = nibabel.load(path)
    image.header["descrip"] = b"another program"
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj, np.float64), image.affine, image.header), copy)


def moved(path: Path, copy: Path) -> None:
    write(copy, origin=(5.0, 6.0, 7.0))


def reversed_axes(*axes: bool):
    def write_reversed(path: Path, copy: Path) -> None:
        sitk.WriteImage(sitk.Flip(sitk.ReadImage(str(path)), axes), str(copy))

    return write_reversed


def without_header(path: Path, copy: Path) -> None:
    """As where somebody saves the array alone."""
    nibabel.save(nibabel.Nifti1Image(np.asarray(nibabel.load(path).dataobj), np.eye(4)), copy)


COPIES = {
    "left and right": reversed_axes(True, False, False),
    "front and back": reversed_axes(False, True, False),
    "head and feet": reversed_axes(False, False, True),
    "all axes": reversed_axes(True, True, True),
    "without header": without_header,
    "packed anew": packed_anew,
    "another program": saved_by_nibabel,
    "moved": moved,
    "link": lambda path, copy: copy.symlink_to(path),
    "plain": lambda path, copy: copy.write_bytes(gzip.decompress(path.read_bytes())),
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_are_found(tmp_path, how):
    scan, other = write(tmp_path / "scan.nii.gz"), write(tmp_path / "other.nii.gz", VALUES + 1)
    COPIES[how](scan, tmp_path / "copy.nii.gz")
    assert equal_images([scan, other, tmp_path / "copy.nii.gz"]) == [[scan, tmp_path / "copy.nii.gz"]]


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_copies_in_another_format_are_found(tmp_path, ending):
    paths = [write(tmp_path / "scan.nii.gz"), write(tmp_path / f"copy{ending}")]
    assert equal_images(paths) == [paths]


@pytest.mark.parametrize("changed", [(0, 0, 0), (19, 11, 10), (10, 5, 5)])
def test_one_changed_voxel_makes_another_image(tmp_path, changed):
    values = VALUES.copy()
    values[changed] += 1
    assert equal_images([write(tmp_path / "a.nii.gz"), write(tmp_path / "b.nii.gz", values)]) == []


@pytest.mark.parametrize("n_empty", [1, 9, 19])
def test_slices_that_are_empty_tell_nothing(tmp_path, n_empty):
    """Of a CT that is shorter than the PET."""
    values = VALUES.copy()
    values[:n_empty] = -1024
    alike = [write(tmp_path / f"{name}.nii.gz", values) for name in "ab"]
    values[-1] = -values[-1]
    assert equal_images([*alike, write(tmp_path / "c.nii.gz", values)]) == [alike]


def test_files_that_cannot_be_read_are_like_no_other(tmp_path):
    paths = [write(tmp_path / f"{name}.nii.gz") for name in "abc"]
    paths[1].write_bytes(paths[1].read_bytes()[:-30])
    (tmp_path / "gone.nii.gz").symlink_to(tmp_path / "nowhere")
    assert equal_images([*paths, tmp_path / "gone.nii.gz"]) == [[paths[0], paths[2]]]


def test_the_digest_is_of_values_and_shape():
    assert voxel_digest(VALUES) == voxel_digest(VALUES.astype(np.float64))
    assert voxel_digest(VALUES) != voxel_digest(VALUES.reshape(10, 24, 11))
    assert voxel_digest(VALUES) != voxel_digest(np.roll(VALUES, 1, 0))
    assert voxel_digest(VALUES) != voxel_digest(np.sort(VALUES, 2))
    assert len({voxel_digest(VALUES[::i, ::j, ::k]) for i in (1, -1) for j in (1, -1) for k in (1, -1)}) == 1
    whole = np.arange(24).reshape(2, 3, 4)
    assert voxel_digest(whole.astype(np.int16)) == voxel_digest(whole.astype(">f4"))
