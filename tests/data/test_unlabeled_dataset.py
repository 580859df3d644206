"""Unlabeled cases as a student sees them, against nnU-Net's own preprocessing, for every normalization scheme."""

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.claims import CaseClaims
from nnunetv2_muduo.data.raw_images import find_unlabeled
from nnunetv2_muduo.data.unlabeled import physical_channels, preprocess_unlabeled
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset

DATASET = "Dataset001_Tiny"
SCHEMES = [
    "CTNormalization",
    "NoNormalization",
    "RGBTo01Normalization",
    "RescaleTo01Normalization",
    "ZScoreNormalization",
]
ANY_REGION = tuple(slice(0, 10_000) for _ in range(4))


def write_case(folder: Path, case: str, channels: int, spacing_mm=(4.0, 4.0, 4.0)) -> None:
    """Whole numbers from 1 to 200 in a ball, with a hole of zeros in it, and exactly 0 outside, as a skull-stripped brain."""
    rng = np.random.default_rng(len(case) + channels)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in (26, 28, 30)], indexing="ij"))
    distance = np.sqrt(((grid - np.array([13, 13, 16])[:, None, None, None]) ** 2).sum(0))
    for channel in range(channels):
        values = rng.integers(1, 200, distance.shape) * ((distance < 11) & (distance > 2))
        image = sitk.GetImageFromArray(values.astype(np.float32))
        image.SetSpacing(spacing_mm)
        sitk.WriteImage(image, str(folder / f"{case}_{channel:04d}.nii.gz"))


@pytest.fixture
def plans(tiny_dataset):
    return json.loads((tiny_dataset / "pre" / DATASET / "nnUNetPlans.json").read_text())


def preprocessed(plans: dict, names: list[str], schemes: list[str], masked: list[bool], root: Path):
    """(the dataset, its cases' files, plans, dataset.json) of a case on the plan's grid and one that is resampled."""
    plans = deepcopy(plans)
    plans["configurations"]["3d_fullres"].update(normalization_schemes=schemes, use_mask_for_norm=masked)
    properties = plans["foreground_intensity_properties_per_channel"]["0"]
    plans["foreground_intensity_properties_per_channel"] = {str(c): properties for c in range(len(names))}
    (root / "imagesUn").mkdir()
    write_case(root / "imagesUn", "same", len(names))
    write_case(root / "imagesUn", "resampled", len(names), spacing_mm=(4.0, 5.0, 5.5))
    dataset_json = {
        "channel_names": {str(c): name for c, name in enumerate(names)},
        "labels": {"background": 0, "a": 1},
    }
    files = find_unlabeled(root, ".nii.gz", names)
    manager = PlansManager(plans)
    preprocess_unlabeled(CaseClaims.begin(root / "un", list(files)), files, manager, "3d_fullres", dataset_json, 1)
    dataset = UnlabeledDataset(root / "un", None, sorted(files), physical=())
    return dataset, files, manager, dataset_json


def of_nnunet(files: list[str], manager: PlansManager, dataset_json: dict) -> tuple[np.ndarray, np.ndarray]:
    """Image and, with -1 outside the mask, segmentation."""
    settings = manager.get_configuration("3d_fullres")
    return DefaultPreprocessor(verbose=False).run_case(files, None, manager, settings, dataset_json)[:2]


@pytest.mark.parametrize("masked", [False, True], ids=["whole image", "within the mask"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_any_channel_is_what_nnunet_gives_bit_for_bit(plans, tmp_path, scheme, masked):
    dataset, files, manager, dataset_json = preprocessed(plans, ["T1"], [scheme], [masked], tmp_path)
    for case in dataset.identifiers:
        views, segmentation, _, properties = dataset.load_case(case)
        image, outside = of_nnunet(files[case], manager, dataset_json)
        assert np.array_equal(views[ANY_REGION], image)
        assert np.array_equal(segmentation[ANY_REGION], outside if masked else np.zeros_like(outside))
        assert properties == {"class_locations": {}}


@pytest.mark.parametrize(("name", "scheme"), [("CT", "CTNormalization"), ("PET", "ZScoreNormalization")])
def test_ct_and_pet_within_a_mask_are_what_nnunet_gives(plans, tmp_path, name, scheme):
    plans["foreground_intensity_properties_per_channel"]["0"] |= {"percentile_00_5": 5.0}
    names = [name, "T2"]
    with pytest.MonkeyPatch.context() as patch:  # these numbers are no HU
        patch.setattr("nnunetv2_muduo.data.raw_images.require_plausible_raw_case", lambda *_: None)
        dataset, files, manager, dataset_json = preprocessed(
            plans, names, [scheme, "ZScoreNormalization"], [True] * 2, tmp_path
        )
    assert physical_channels(manager.get_configuration("3d_fullres"), dataset_json) == {}
    for case in dataset.identifiers:
        views, *_ = dataset.load_case(case)
        assert np.array_equal(views[ANY_REGION], of_nnunet(files[case], manager, dataset_json)[0])


def test_ct_and_pet_beside_another_channel_stay_physical(plans, tmp_path):
    names, schemes = ["T1", "CT", "PET"], ["ZScoreNormalization", "CTNormalization", "ZScoreNormalization"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnunetv2_muduo.data.raw_images.require_plausible_raw_case", lambda *_: None)
        dataset, files, manager, dataset_json = preprocessed(plans, names, schemes, [False] * 3, tmp_path)
    channels = physical_channels(manager.get_configuration("3d_fullres"), dataset_json)
    assert {channel: modality.key for channel, modality in channels.items()} == {1: "ct", 2: "pet"}
    dataset.physical = list(channels)
    views = dataset.load_case("same")[0][ANY_REGION]
    image, _ = of_nnunet(files["same"], manager, dataset_json)
    raw = np.stack([sitk.GetArrayFromImage(sitk.ReadImage(file)) for file in files["same"]])
    cropped = raw[(slice(None), *(slice(a.min(), a.max() + 1) for a in np.nonzero(raw.any(0))))]
    assert np.array_equal(views[:3], image)
    assert np.array_equal(views[3:], cropped.transpose(0, *[1 + a for a in manager.transpose_forward])[1:])


def test_a_region_is_read_alone(plans, tmp_path):
    dataset, *_ = preprocessed(plans, ["T1"], ["ZScoreNormalization"], [True], tmp_path)
    views, segmentation, _, _ = dataset.load_case("same")
    region = (slice(0, 1), slice(2, 9), slice(0, 4), slice(5, 6))
    assert np.array_equal(views[region], views[ANY_REGION][region])
    assert np.array_equal(segmentation[region], segmentation[ANY_REGION][region])
    assert segmentation.shape == (1, *views.shape[1:])
