import math
import re
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO, NibabelIOWithReorient
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

from nnunetv2_muduo.data.excluded_cases import ExcludedCase
from nnunetv2_muduo.data.raw_images import find_unlabeled, read_case


def test_a_data_set_without_unlabeled_cases(raw):
    shutil.rmtree(raw / "imagesUn")
    with pytest.raises(FileNotFoundError, match=r"No unlabeled cases in .*imagesUn.*-tr nnUNetTrainer"):
        find_unlabeled(raw, ".nii.gz")


def test_a_missing_channel_is_named(raw):
    (raw / "imagesUn" / "unlabeled_3_0000.nii.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"unlabeled_3_0000\.nii\.gz"):
        find_unlabeled(raw, ".nii.gz")


@pytest.mark.parametrize("case", ["$(reboot)", "a b", "-o", "..", "a;b", "a\\b", "'a'", "a|b", "a`b`", "a\nb", "*"])
def test_names_that_mean_something_to_a_shell_or_a_path_are_refused(raw, case):
    for channel in range(2):
        shutil.copy(raw / "imagesUn" / "unlabeled_0_0000.nii.gz", raw / "imagesUn" / f"{case}_000{channel}.nii.gz")
    with pytest.raises(ValueError, match=re.escape(repr(case))):
        find_unlabeled(raw, ".nii.gz")


ODD_NAMES = (
    "patient9.nii.gz",
    "case_CT.nii.gz",
    "case_000.nii.gz",
    "case_0000 (1).nii.gz",
    "case_0000.NII.GZ",
    "_0000.nii.gz",
)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_without_channel_are_named_with_what_is_right(raw, name):
    shutil.copy(raw / "imagesUn" / "unlabeled_0_0000.nii.gz", raw / "imagesUn" / name)
    with pytest.raises(FileNotFoundError) as error:
        find_unlabeled(raw, ".nii.gz")
    assert f"no channel number before .nii.gz in the name of {name}: " in str(error.value)
    assert "name files CASE_0000.nii.gz (CT) and CASE_0001.nii.gz (PET)" in str(error.value)


def test_what_macos_leaves_and_other_files_are_no_cases(raw):
    expected = find_unlabeled(raw, ".nii.gz")
    for name in ("._unlabeled_0_0000.nii.gz", ".DS_Store", "._.DS_Store", "notes.txt", "case_0000.nrrd"):
        (raw / "imagesUn" / name).write_bytes(b"\0\x05\x16\x07")
    (raw / "imagesUn" / "__MACOSX").mkdir()
    assert find_unlabeled(raw, ".nii.gz") == expected
    assert list(expected) == [f"unlabeled_{number}" for number in range(4)]


def converted_to(raw, folder, ending) -> list[str]:
    """The two images of a case in another format."""
    files = [str(folder / f"case_000{channel}{ending}") for channel in range(2)]
    for channel, file in enumerate(files):
        sitk.WriteImage(sitk.ReadImage(str(raw / "imagesUn" / f"unlabeled_0_000{channel}.nii.gz")), file)
    return files


def with_value(file: str, value: float) -> None:
    image = sitk.Cast(sitk.ReadImage(file), sitk.sitkFloat32)
    image[3, 4, 5] = value
    sitk.WriteImage(image, file)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused_in_every_format(raw, tmp_path, ending, channel, value):
    files = converted_to(raw, tmp_path, ending)
    read_case(files, SimpleITKIO())
    with_value(files[channel], value)
    with pytest.raises(ExcludedCase, match=rf"case_000{channel}{ending} holds 1 values that are not finite"):
        read_case(files, SimpleITKIO())


@pytest.mark.parametrize(
    ("ending", "reader"),
    [(".nii.gz", SimpleITKIO), (".nrrd", SimpleITKIO), (".mha", SimpleITKIO), (".nii.gz", NibabelIO)],
)
def test_truncated_images_are_refused_in_every_format(raw, tmp_path, ending, reader):
    files = converted_to(raw, tmp_path, ending)
    data = Path(files[1]).read_bytes()
    Path(files[1]).write_bytes(data[: len(data) * 9 // 10])
    with pytest.raises(ExcludedCase, match=rf"case_0001{ending}.* can't be read"):
        read_case(files, reader())


def saved_with(affine, raw, folder, qform_code=0) -> list[str]:
    """A case whose images have another matrix, and are otherwise as they were."""
    files = [str(folder / f"case_000{channel}.nii.gz") for channel in range(2)]
    for channel, file in enumerate(files):
        image = nibabel.load(raw / "imagesUn" / f"unlabeled_0_000{channel}.nii.gz")
        new = nibabel.Nifti1Image(np.asarray(image.dataobj), affine)
        new.set_qform(affine, qform_code)
        nibabel.save(new, file)
    return files


SHEARED = np.diag([4.0, 4, 4, 1])
SHEARED[0, 2] = 0.8


@pytest.mark.parametrize("qform_code", [0, 1])
@pytest.mark.parametrize("reader", [NibabelIO, NibabelIOWithReorient])
def test_sheared_images_are_right_where_nibabel_reads_them(raw, tmp_path, reader, qform_code):
    files = saved_with(SHEARED, raw, tmp_path, qform_code)
    images, _ = read_case(files, reader())
    np.testing.assert_array_equal(images[1], nibabel.load(files[1]).get_fdata().T.astype(np.float32))
    with pytest.raises(ExcludedCase, match="sform and qform" if qform_code else "not at right angles"):
        read_case(files, SimpleITKIO())


@pytest.mark.parametrize("reader", [SimpleITKIO, NibabelIO])
@pytest.mark.parametrize("change", ["origin", "mirrored", "two places"])
def test_grids_are_compared_by_what_the_reader_sees(raw, tmp_path, reader, change):
    affine = np.diag([4.0, 4, 4, 1])
    files = saved_with(affine, raw, tmp_path)
    read_case(files, reader())
    image, other = nibabel.load(files[1]), affine.copy()
    other[0, 3] = 1 if change == "origin" else 128
    other[0, 0] = 4 if change == "origin" else -4
    image = nibabel.Nifti1Image(np.asarray(image.dataobj), affine if change == "two places" else other)
    image.set_qform(other, 1)
    nibabel.save(image, files[1])
    with pytest.raises(ExcludedCase, match="sform and qform" if change == "two places" else "different grids"):
        read_case(files, reader())
