"""Cases of a raw data set: the rules of a conversion, with what its record knows."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.conversion.raw_values import cases_in_bqml, read_plausible_case, require_plausible_raw_case
from nnunetv2_muduo.imageio.refusal import CaseRefused

NAMES, VOXEL_ML = ("CT", "PET"), 100.0


@pytest.fixture
def pair():
    """A body of 45 kg in air whose PET holds 54 kg x SUV."""
    hu, suv = np.full((10, 10, 10), -1000.0), np.full((10, 10, 10), 0.01)
    body = (slice(0, 9), slice(1, 8), slice(1, 8))
    hu[body], suv[body] = np.random.default_rng(0).normal(40, 20, (9, 7, 7)), 1.2
    return hu, suv


def files(folder, case="a_1", ending=".nii.gz"):
    return [folder / "imagesUn" / f"{case}_{channel:04d}{ending}" for channel in range(2)]


def write_record(folder, **findings):
    (folder / "muduo_cases.json").write_text(json.dumps({"cases": {"a_1": {"findings": findings}, "b": {}}}))


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".mha", ".nrrd"])
@pytest.mark.parametrize(("weight_kg", "passes"), [(70, True), (40, False)])
def test_the_weight_of_the_record_bounds_the_dose(tmp_path, pair, ending, weight_kg, passes):
    require_plausible_raw_case(files(tmp_path, ending=ending), NAMES, pair, VOXEL_ML)
    write_record(tmp_path, header={"weight_kg": weight_kg})
    require_plausible_raw_case(files(tmp_path, "b", ending), NAMES, pair, VOXEL_ML)
    if passes:
        require_plausible_raw_case(files(tmp_path, ending=ending), NAMES, pair, VOXEL_ML)
    else:
        with pytest.raises(CaseRefused, match=r"times the dose that was injected .by the weight of 40 kg"):
            require_plausible_raw_case(files(tmp_path, ending=ending), NAMES, pair, VOXEL_ML)


def test_pet_in_bqml_passes_for_the_cases_of_the_record_alone(tmp_path, pair):
    hu, bq_per_ml = pair[0], pair[1] * 4000
    write_record(tmp_path, pet_unit="Bq/ml")
    assert cases_in_bqml(tmp_path) == {"a_1"}
    require_plausible_raw_case(files(tmp_path), NAMES, (hu, bq_per_ml), VOXEL_ML)
    with pytest.raises(CaseRefused, match=r"b_0001.*not in SUV"):
        require_plausible_raw_case(files(tmp_path, "b"), NAMES, (hu, bq_per_ml), VOXEL_ML)
    with pytest.raises(CaseRefused, match=r"a_1_0000.*not in HU"):
        require_plausible_raw_case(files(tmp_path), NAMES, (hu / 1000, bq_per_ml), VOXEL_ML)


def test_a_record_that_changed_is_read_again(tmp_path, pair):
    write_record(tmp_path)
    assert cases_in_bqml(tmp_path) == set()
    write_record(tmp_path, pet_unit="Bq/ml")
    assert cases_in_bqml(tmp_path) == {"a_1"}


def test_channels_without_a_unit_pass(tmp_path, pair):
    require_plausible_raw_case(files(tmp_path), ("T1", "T2"), pair[::-1], VOXEL_ML)


def test_ranges_of_a_case_on_disk(tmp_path, petct):
    images = petct.random_study(0)
    (tmp_path / "imagesUn").mkdir()
    petct.write_study(tmp_path / "imagesUn", {"a_1_0000": images["CTres"], "a_1_0001": images["SUV"]})
    expected = [(image.min(), image.max()) for image in map(sitk.GetArrayFromImage, (images["CTres"], images["SUV"]))]
    assert read_plausible_case(files(tmp_path), NAMES) == expected
    with pytest.raises(CaseRefused, match="not in HU"):
        read_plausible_case(files(tmp_path)[::-1], NAMES)
