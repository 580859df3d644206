"""Tiny cases of an nnU-Net raw dataset to train teachers on."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

SIZE_XYZ = (26, 24, 22)
SPACING_XYZ = (4.0, 4.0, 4.0)


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread):
    pass


def write_image(array_zyx: np.ndarray, path, spacing_xyz=SPACING_XYZ) -> None:
    image = sitk.GetImageFromArray(array_zyx)
    image.SetSpacing(spacing_xyz)
    sitk.WriteImage(image, str(path))


def two_balls(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CT, PET and labels (z, y, x) of two balls that are brighter than the rest."""
    rng = np.random.default_rng(seed)
    grid = np.indices(SIZE_XYZ[::-1]).transpose(1, 2, 3, 0)
    labels = np.zeros(SIZE_XYZ[::-1], np.uint8)
    for label, center in ((1, (10, 8, 8)), (2, (11, 15, 18))):
        labels[np.linalg.norm(grid - (np.array(center) + rng.integers(-1, 2, 3)), axis=-1) < 4.3 + label / 2] = label
    ct_hu = np.array([-300, 100, 250])[labels] + rng.normal(0, 20, labels.shape)
    pet_suv = np.array([0.5, 4, 8])[labels] + np.abs(rng.normal(0, 0.2, labels.shape))
    return np.rint(ct_hu).astype(np.int16), pet_suv.astype(np.float32), labels


@pytest.fixture(scope="session")
def raw_dataset(tmp_path_factory):
    """nnU-Net raw dataset of three cases of two patients, two balls each."""
    folder = tmp_path_factory.mktemp("raw") / "Dataset042_Balls"
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for seed, case in enumerate(("fdg_00aa_2001", "fdg_00aa_2002", "fdg_00bb_2001")):
        ct, pet, labels = two_balls(seed)
        write_image(ct, folder / "imagesTr" / f"{case}_0000.nii.gz")
        write_image(pet, folder / "imagesTr" / f"{case}_0001.nii.gz")
        write_image(labels, folder / "labelsTr" / f"{case}.nii.gz")
    content = {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": {"background": 0, "liver": 1, "spleen": 2},
        "numTraining": 3,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def volumes(raw_dataset, tmp_path):
    from nnunetv2_muduo.teacher_training.data import load_volumes

    return load_volumes([str(raw_dataset)], "ct", (4.0, 4.0), tmp_path / "cache", seed=0)
