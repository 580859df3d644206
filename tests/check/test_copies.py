"""The same scan in two sets is a problem, also in data sets that were not converted here."""

import gzip
import shutil
from pathlib import Path

import pytest
import SimpleITK as sitk
from fixtures.check import assert_named

from nnunetv2_muduo.check.findings import OK, WARNING


def copied(path: Path, copy: Path) -> None:
    shutil.copy(path, copy)


def packed_anew(path: Path, copy: Path) -> None:
    copy.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1, mtime=1))


def rewritten(path: Path, copy: Path) -> None:
    sitk.WriteImage(sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkFloat64), str(copy))


def linked(path: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    copy.symlink_to(path.resolve())


def copy_case(dataset: Path, of: str, to: str, by=copied) -> None:
    for channel in (0, 1):
        path = dataset / f"{to}_000{channel}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        by(dataset / f"{of}_000{channel}.nii.gz", path)


@pytest.mark.parametrize("by", [copied, packed_anew, rewritten, linked])
@pytest.mark.parametrize("of", ["imagesTr/labeled_1", "imagesTr/labeled_4"], ids=["labeled", "val"])
def test_a_copy_among_the_unlabeled(dataset, check, of, by):
    (dataset / "muduo_cases.json").unlink()
    copy_case(dataset, of, "imagesUn/unlabeled_1", by)
    exit_code, found = check()
    assert exit_code == 1
    assert f"one scan in two sets, remove one of each: {of} = imagesUn/unlabeled_1" in found["copies"][1]


@pytest.mark.parametrize("of", ["imagesTr/labeled_0", "imagesTr/labeled_3", "imagesUn/unlabeled_2"])
def test_a_copy_among_the_test_cases(dataset, check, of):
    copy_case(dataset, of, "imagesTs/test_0", packed_anew)
    assert_named(check, "copies", " = ".join(sorted([of, "imagesTs/test_0"])))


@pytest.mark.parametrize("channel", [0, 1], ids=["CT", "PET"])
def test_one_image_is_enough(dataset, check, channel):
    path = f"imagesUn/unlabeled_0_000{channel}.nii.gz"
    rewritten(dataset / f"imagesTr/labeled_3_000{channel}.nii.gz", dataset / path)
    assert_named(check, "copies", "imagesTr/labeled_3 = imagesUn/unlabeled_0")


def test_a_labeled_case_that_validates_under_another_name(dataset, check):
    copy_case(dataset, "imagesTr/labeled_0", "imagesTr/labeled_4")
    assert_named(check, "copies", "imagesTr/labeled_0 = imagesTr/labeled_4")


def test_a_scan_that_is_twice_in_one_set_is_a_warning(dataset, check):
    copy_case(dataset, "imagesUn/unlabeled_0", "imagesUn/unlabeled_1")
    exit_code, found = check()
    assert exit_code == 0
    assert found["copies"][0] == WARNING
    assert (
        "several names, which counts several times: imagesUn/unlabeled_0 = imagesUn/unlabeled_1" in found["copies"][1]
    )


def test_different_scans_are_no_copies(dataset, check):
    assert check()[1]["copies"][0] == OK


def test_fold_all_shares_its_cases_and_no_scan(dataset, check):
    copy_case(dataset, "imagesTr/labeled_0", "imagesTr/labeled_4")
    exit_code, found = check("-f", "all")
    assert exit_code == 0
    assert found["copies"][0] == WARNING
