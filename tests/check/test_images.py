"""Images of a raw data set: grids, values and labels, with one thing after the other broken."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.check import assert_named, change_json
from support import DATASET, make_case, shear, write_case

from nnunetv2_muduo.check.findings import WARNING
from nnunetv2_muduo.check.images import evenly_spaced


def change_image(path: Path, change) -> None:
    image = sitk.ReadImage(str(path))
    changed = sitk.GetImageFromArray(change(sitk.GetArrayFromImage(image)))
    changed.CopyInformation(image)
    sitk.WriteImage(changed, str(path))


def shift(path: Path) -> None:
    image = sitk.ReadImage(str(path))
    image.SetOrigin([x + 1 for x in image.GetOrigin()])
    sitk.WriteImage(image, str(path))


def swap_channels(dataset: Path) -> None:
    for ct in dataset.glob("images*/*_0000.nii.gz"):
        swap_files(ct)


def swap_files(ct: Path) -> None:
    pet, other = ct.with_name(ct.name.replace("_0000", "_0001")), ct.with_suffix(".tmp")
    ct.rename(other), pet.rename(ct), other.rename(pet)


def swap_with_undershoot(ct: Path) -> None:
    """The PET, now in the CT's place, also has values below 0, as after resampling."""
    swap_files(ct)
    change_image(ct, lambda suv: suv - 1)


def copy_ct(ct: Path, shift_by: float = 0) -> None:
    image = sitk.ReadImage(str(ct))
    sitk.WriteImage(sitk.Cast(image, sitk.sitkFloat32) + shift_by, str(ct.with_name(ct.name.replace("_0000", "_0001"))))


def shifted_with_noise(hu: np.ndarray) -> np.ndarray:
    """CT + 1024 of a body in air, whose noise goes below 0."""
    air = np.indices(hu.shape)[2] < 20
    return np.where(air, np.random.default_rng(0).normal(0, 10, hu.shape), hu + 1224).astype(np.float32)


BREAKAGES = {
    "swapped-files": ("values", swap_channels, "labeled_0_0000.nii.gz: CT without negative values is not in HU"),
    "pet-grid": ("grids", lambda d: shift(d / "imagesUn" / "unlabeled_0_0001.nii.gz"), "unlabeled_0_0001"),
    "label-grid": ("grids", lambda d: shift(d / "labelsTr" / "labeled_0.nii.gz"), "labeled_0.nii.gz"),
    "bqml": (
        "values",
        lambda d: change_image(d / "imagesUn" / "unlabeled_0_0001.nii.gz", lambda a: a * 5000),
        "not in SUV",
    ),
    "no-hu": ("values", lambda d: change_image(d / "imagesTr" / "labeled_0_0000.nii.gz", np.abs), "not in HU"),
    "foreign": ("labels", lambda d: change_image(d / "labelsTr" / "labeled_2.nii.gz", lambda a: a * 3), "[3, 6]"),
    "truncated": ("values", lambda d: cut(d / "imagesUn" / "unlabeled_0_0000.nii.gz"), "truncated or damaged"),
}


PAIRS = {
    "swapped": swap_with_undershoot,
    "pet-is-ct": copy_ct,
    "pet-is-ct-plus-1024": lambda ct: copy_ct(ct, 1024),
    "ct-plus-1024": lambda ct: change_image(ct, shifted_with_noise),
}


@pytest.mark.parametrize("place", ["imagesTr/labeled_1", "imagesUn/unlabeled_1"])
@pytest.mark.parametrize("name", PAIRS)
def test_ct_and_pet_that_do_not_belong_together_are_named(dataset, check, name, place):
    PAIRS[name](dataset / f"{place}_0000.nii.gz")
    assert_named(check, "values", place)


@pytest.mark.parametrize("place", ["imagesTr/labeled_1", "imagesUn/unlabeled_1"])
def test_cases_in_bqml_by_the_record_are_a_warning(dataset, check, place):
    """As `muduo convert dicom --allow-bqml` leaves them."""
    change_image(dataset / f"{place}_0001.nii.gz", lambda suv: suv * 5000)
    assert_named(check, "values", "not in SUV")
    record, case = dataset / "muduo_cases.json", Path(place).name
    cases = json.loads(record.read_text())["cases"]
    record.write_text(json.dumps({"cases": {**cases, case: {**cases[case], "findings": {"pet_unit": "Bq/ml"}}}}))
    exit_code, found = check()
    assert exit_code == 0
    status, line = found["values"]
    assert status == WARNING
    assert f"PET in Bq/ml, as muduo_cases.json says: {case}" in line


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


@pytest.mark.parametrize("name", BREAKAGES)
def test_what_is_broken_is_named(dataset, check, name):
    subject, damage, words = BREAKAGES[name]
    damage(dataset)
    assert_named(check, subject, words)


@pytest.mark.parametrize(("factor", "words"), [(1.25, "such as 2.5"), (0.9999999, "cuts off to 0")])
def test_labels_that_are_not_whole_numbers_are_named(dataset, check, factor, words):
    change_image(dataset / "labelsTr" / "labeled_1.nii.gz", lambda labels: labels * np.float64(factor))
    assert_named(check, "labels", words)


def test_labels_just_above_whole_numbers_are_what_nnunet_makes_of_them(dataset, check):
    change_image(dataset / "labelsTr" / "labeled_1.nii.gz", lambda labels: labels * np.float64(1.0000001))
    assert check()[0] == 0


@pytest.mark.parametrize("file", ["imagesTr/labeled_1_0001", "imagesUn/unlabeled_1_0000", "labelsTr/labeled_2"])
def test_headers_that_say_two_places_are_named(dataset, check, file):
    path = dataset / f"{file}.nii.gz"
    image = nibabel.load(path)
    image.set_sform(image.affine, 1)
    mirrored = image.affine.copy()
    mirrored[0, 0], mirrored[0, 3] = -mirrored[0, 0], mirrored[0, 3] + mirrored[0, 0] * (image.shape[0] - 1)
    image.set_qform(mirrored, 1)
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), None, image.header), path)
    exit_code, found = check()
    assert exit_code == 1
    assert f"{path}: sform and qform put its voxels up to" in found["grids"][1]


def add_unlabeled(dataset: Path, n: int) -> list[str]:
    names = [f"more_{i:02d}" for i in range(n)]
    for i, name in enumerate(names):
        write_case(dataset, "imagesUn", name, make_case(500 + i, shape_zyx=(24, 32, 30)))
    return names


@pytest.mark.parametrize("which", [-1, 0])
def test_values_are_read_over_the_whole_of_each_set_and_the_numbers_are_said(dataset, check, which):
    names = add_unlabeled(dataset, 41)
    assert "(cases read: 5 of 5 labeled, 20 of 45 unlabeled)" in check()[1]["values"][1]
    change_image(dataset / "imagesUn" / f"{names[which]}_0000.nii.gz", np.abs)
    for path in (dataset / "imagesUn").glob("unlabeled_*"):  # so that the others are the first and the last
        path.unlink()
    assert f"{names[which]}_0000.nii.gz: CT without negative values is not in HU" in check()[1]["values"][1]


@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 39, 40, 41, 1000])
def test_a_sample_is_spread_evenly(n):
    sample = evenly_spaced(list(range(n)), 20)
    assert len(set(sample)) == len(sample) == min(n, 20)
    assert (sample[0], sample[-1]) == (0, n - 1)
    steps = np.diff(sample)
    assert n == 1 or steps.max() - steps.min() <= 1


SHEARED = {
    "labeled": [f"imagesTr/labeled_1_000{c}" for c in (0, 1)] + ["labelsTr/labeled_1"],
    "unlabeled": [f"imagesUn/unlabeled_1_000{c}" for c in (0, 1)],
}


@pytest.mark.parametrize("said_by", ["dataset.json", "plans"])
@pytest.mark.parametrize("reader", ["NibabelIO", "NibabelIOWithReorient"])
@pytest.mark.parametrize("files", SHEARED)
def test_sheared_axes_are_read_where_nnunet_reads_them(dataset, check, tmp_path, files, reader, said_by):
    for file in SHEARED[files]:
        shear(dataset / f"{file}.nii.gz")
    assert check()[0] == 1
    if said_by == "plans":
        change_json(tmp_path / "pre" / DATASET / "nnUNetPlans.json", image_reader_writer=reader)
    else:
        change_json(dataset / "dataset.json", overwrite_image_reader_writer=reader)
    exit_code, found = check()
    assert exit_code == 0
    assert "9 cases, images and labels alike" in found["grids"][1]


def test_of_sheared_cases_everything_else_is_looked_at(dataset, check):
    """One channel that is not sheared as the others, values, label values, copies, and sides, whose axis nnU-Net doesn't keep."""
    change_json(dataset / "dataset.json", overwrite_image_reader_writer="NibabelIO")
    for path in dataset.rglob("*_1*.nii.gz"):
        shear(path)
    labels = {"background": 0, "kidney_left": 1, "kidney_right": 2}
    change_json(dataset / "dataset.json", labels=labels)
    assert "no mirroring along axis 0, 1, 2 of the patch" in check()[1]["left and right"][1]
    unsheared = dataset / "imagesUn" / "unlabeled_0_0001.nii.gz"
    shear(unsheared)
    assert "unlabeled_0_0001" in check()[1]["grids"][1]
    for name, factor in [("imagesTr/labeled_1_0001", 5000), ("labelsTr/labeled_1", 3)]:
        image = nibabel.load(dataset / f"{name}.nii.gz")
        values = np.asarray(image.dataobj) * np.float32(factor)
        nibabel.save(nibabel.Nifti1Image(values, image.affine), dataset / f"{name}.nii.gz")
    for channel in (0, 1):
        copy = dataset / "imagesUn" / f"copy_000{channel}.nii.gz"
        copy.write_bytes((dataset / "imagesTr" / f"labeled_1_000{channel}.nii.gz").read_bytes())
    found = check()[1]
    assert "labeled_1_0001.nii.gz: not in SUV" in found["values"][1]
    assert "labeled_1 [3, 6]" in found["labels"][1]
    assert "imagesTr/labeled_1 = imagesUn/copy" in found["copies"][1]
