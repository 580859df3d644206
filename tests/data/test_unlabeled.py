import errno
import json
import re

import numpy as np
import pytest
import SimpleITK as sitk
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from support import DATASET

from nnunetv2_muduo.claims import CaseClaims
from nnunetv2_muduo.data.outdated import excluded_cases, outdated_cases
from nnunetv2_muduo.data.raw_images import find_unlabeled
from nnunetv2_muduo.data.unlabeled import plan_identity, preprocess_unlabeled
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset, load_views
from nnunetv2_muduo.data.views import N_CHANNELS


@pytest.fixture
def plans(tiny_dataset):
    return PlansManager(str(tiny_dataset / "pre" / DATASET / "nnUNetPlans.json"))


def dataset_json(raw):
    return json.loads((raw / "dataset.json").read_text())


def preprocess(raw, folder, plans, n=1):
    cases = find_unlabeled(raw, ".nii.gz")
    preprocess_unlabeled(CaseClaims.begin(folder, list(cases)), cases, plans, "3d_fullres", dataset_json(raw), n)
    return cases


def student_view(folder, case):
    views = load_views(folder, case)
    return views[tuple(slice(0, n) for n in views.shape)][:N_CHANNELS]


def nnunet_view(files, plans, raw):
    configuration = plans.get_configuration("3d_fullres")
    data, _, _ = DefaultPreprocessor(verbose=False).run_case(files, None, plans, configuration, dataset_json(raw))
    return data


def test_the_student_sees_what_nnunet_would_have_given(raw, plans, tmp_path):
    cases = preprocess(raw, tmp_path / "un", plans)
    n_resampled = 0
    for case, files in cases.items():
        expected, own = nnunet_view(files, plans, raw), student_view(tmp_path / "un", case)
        if json.loads((tmp_path / "un" / f"{case}.json").read_text())["resampled"]:
            n_resampled += 1
            ct_error, pet_error = np.abs(own - expected)
            # PET: resampling and shift and scale commute, only float16 rounding is left, 2^-11 of the SUV.
            assert (pet_error <= 2**-11 * (np.abs(expected[1]) + 10)).all()
            # CT: clipped after instead of before the cubic resampling. White noise across the bound is the worst case.
            assert ct_error.mean() < 0.1
            assert np.quantile(ct_error, 0.999) < 0.75
        else:
            assert np.array_equal(own, expected)
    assert n_resampled == 2


def test_values_stay_physical(raw, plans, tmp_path):
    cases = preprocess(raw, tmp_path / "un", plans)
    files = cases["unlabeled_0"]
    physical = load_views(tmp_path / "un", "unlabeled_0")
    stored = physical[tuple(slice(0, n) for n in physical.shape)][N_CHANNELS:]
    for channel, file in zip(stored, files, strict=True):
        array = sitk.GetArrayFromImage(sitk.ReadImage(file)).transpose(plans.transpose_forward)
        assert np.array_equal(channel, array)


def test_each_case_is_made_once_and_again_when_plans_or_images_change(raw, plans, tmp_path):
    cases = preprocess(raw, tmp_path / "un", plans)
    identity = plan_identity(plans, "3d_fullres")
    assert outdated_cases(cases, tmp_path / "un", identity) == {}
    assert set(outdated_cases(cases, tmp_path / "un", "another").values()) == {"made with other plans"}
    image = sitk.ReadImage(cases["unlabeled_1"][1])
    sitk.WriteImage(image + 1.0, cases["unlabeled_1"][1])
    (tmp_path / "un" / "unlabeled_2_0001.b2nd").unlink()
    assert outdated_cases(cases, tmp_path / "un", identity) == {
        "unlabeled_1": "its images have changed since",
        "unlabeled_2": "not there",
    }


def shift(image):
    image.SetOrigin((1.0, 0.0, 0.0))
    return image


def with_nan(image):
    array = sitk.GetArrayFromImage(image)
    array[3, 4, 5] = np.nan
    changed = sitk.GetImageFromArray(array)
    changed.CopyInformation(image)
    return changed


def to_bq_per_ml(image):
    return image * 5000


def truncate(path):
    path.write_bytes(path.read_bytes()[:-500])


def change_image(change):
    return lambda path: sitk.WriteImage(change(sitk.ReadImage(str(path))), str(path))


@pytest.mark.parametrize(
    ("channel", "change", "message"),
    [
        (0, change_image(shift), "different grids"),
        (1, change_image(lambda image: image[1:, :, :]), "different grids"),
        (1, change_image(lambda image: sitk.Cast(image, sitk.sitkFloat32) * 0 + 3), "constant"),
        (0, change_image(with_nan), "not finite"),
        (1, change_image(to_bq_per_ml), r"not in SUV.*Bq/ml"),
        (1, truncate, r"unlabeled_1_0001.nii.gz.*truncated or damaged"),
    ],
    ids=["shifted", "cropped", "constant", "nan", "bqml", "truncated"],
)
def test_bad_images_are_recorded_and_the_others_are_made(raw, plans, tmp_path, channel, change, message):
    file = raw / "imagesUn" / f"unlabeled_1_000{channel}.nii.gz"
    whole = file.read_bytes()
    change(file)
    folder, identity = tmp_path / "un", plan_identity(plans, "3d_fullres")
    cases = preprocess(raw, folder, plans)
    unusable = excluded_cases(cases, folder, identity)
    assert unusable.keys() == {"unlabeled_1"}
    assert re.search(message, unusable["unlabeled_1"])
    assert outdated_cases(cases, folder, identity) == {}
    assert UnlabeledDataset.get_identifiers(folder) == ["unlabeled_0", "unlabeled_2", "unlabeled_3"]
    file.write_bytes(whole)
    assert outdated_cases(cases, folder, identity) == {"unlabeled_1": "not there"}
    assert excluded_cases(cases, folder, identity) == {}


def test_a_failure_that_is_not_the_images_stops_the_preparation(raw, plans, tmp_path, monkeypatch):
    def full_disk(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nnunetv2_muduo.storage.write_array", full_disk)
    with pytest.raises(RuntimeError, match=r"4 of 4 unlabeled cases could not(.|\n)*unlabeled_0: .*No space left"):
        preprocess(raw, tmp_path / "un", plans)
    assert list((tmp_path / "un").iterdir()) == []
