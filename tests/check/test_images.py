"""Images of a raw data set: grids, values and labels, with one thing after the other broken."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.check import assert_named


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
        pet, other = ct.with_name(ct.name.replace("_0000", "_0001")), ct.with_suffix(".tmp")
        ct.rename(other), pet.rename(ct), other.rename(pet)


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


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


@pytest.mark.parametrize("name", BREAKAGES)
def test_what_is_broken_is_named(dataset, check, name):
    subject, damage, words = BREAKAGES[name]
    damage(dataset)
    assert_named(check, subject, words)
