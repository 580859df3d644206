"""CT and PET of one body, whole and cropped, with one fault after the other."""

import numpy as np
import pytest

from nnunetv2_muduo.imageio.modalities import MODALITIES
from nnunetv2_muduo.imageio.plausibility import (
    Channel,
    highest_mean_suv,
    highest_tenth_suv,
    require_plausible_case,
    require_possible_dose,
)
from nnunetv2_muduo.imageio.refusal import CaseRefused

SPACING_MM = 10
VOXEL_ML = SPACING_MM**3 / 1000


def person() -> tuple[np.ndarray, np.ndarray]:
    """(CT in HU, PET in SUV) of 59 kg: an ellipse of muscle and fat around lungs, a spine and a hot bladder, in air."""
    rng = np.random.default_rng(0)
    z, y, x = np.meshgrid(*(np.arange(n) - n / 2 for n in (100, 50, 60)), indexing="ij")
    radius = np.sqrt((x / 18) ** 2 + (y / 11) ** 2)
    hu, suv = np.full(x.shape, -1000.0), np.full(x.shape, 0.01)
    for inside, tissue_hu, tissue_suv in (
        (radius < 1, -100, 0.25),
        (radius < 0.85, 50, 0.7),
        ((radius < 0.6) & (z > 10) & (z < 30), -850, 0.4),
        ((x**2 + (y - 6) ** 2 < 6), 800, 1.0),
        ((x**2 + (y + 3) ** 2 + (z + 35) ** 2 < 16), 10, 30.0),
        ((x**2 + (y + 3) ** 2 + (z - 42) ** 2 < 40), 40, 6.0),
    ):
        hu[inside], suv[inside] = tissue_hu, tissue_suv
    noise_hu = np.where(hu == -1000, 8, 25) * rng.normal(0, 1, hu.shape)
    return (hu + noise_hu).astype(np.float32), (suv * rng.gamma(50, 1 / 50, suv.shape)).astype(np.float32)


WHOLE = (slice(None),) * 3
THIGH = (slice(0, 14), slice(14, 36), slice(14, 46))  # 3 to 4 kg
VIEWS = {"whole": WHOLE, "crop": THIGH}


def view(name: str) -> tuple[np.ndarray, np.ndarray]:
    return tuple(image[VIEWS[name]] for image in person())


def look_at(ct, pet, weight_kg=None):
    channels = [Channel(MODALITIES["ct"], ct, "ct.nii"), Channel(MODALITIES["pet"], pet, "pet.nii")]
    return require_plausible_case(channels, VOXEL_ML, weight_kg)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize(
    "change",
    [
        lambda ct, pet: (ct, pet),
        lambda ct, pet: (ct, pet - 0.02),  # undershoot of a reconstruction or of resampling
        lambda ct, pet: (np.maximum(ct, -1000), pet),
        lambda ct, pet: (np.where(ct < -900, -3024, ct), pet),  # GE's value outside of the measured circle
        lambda ct, pet: (ct.astype(np.int16), pet.astype(np.float16)),
        lambda ct, pet: (ct, 1.4 * pet),
        lambda ct, pet: (ct, pet / 2),
    ],
    ids=["as it is", "PET a little below 0", "air cut off", "padded", "small types", "high", "low"],
)
def test_right_images_pass(name, change):
    uptake = look_at(*change(*view(name)))
    assert 0.3 < uptake.mean_suv < 2


def test_uptake_is_that_of_the_person():
    ct, pet = person()
    uptake = look_at(ct, pet, weight_kg=75)
    assert uptake.body_kg == pytest.approx(59, abs=2)
    assert uptake.suv_kg == pytest.approx(pet.sum() * VOXEL_ML / 1000, rel=1e-4)


FAULTS = {
    "SUV x 94": lambda ct, pet: (ct, pet * 94),
    "SUV x 55": lambda ct, pet: (ct, pet * 55),
    "SUV x 20.7": lambda ct, pet: (ct, pet * 20.7),
    "SUV x 14": lambda ct, pet: (ct, pet * 14),
    "SUV / 71": lambda ct, pet: (ct, pet / 71),
    "SUV / 1e6": lambda ct, pet: (ct, pet / 1e6),
    "Bq/ml": lambda ct, pet: (ct, pet * 3400),
    "percent": lambda ct, pet: (ct, pet * 100),
    "negative PET": lambda ct, pet: (ct, -pet),
    "PET is the CT": lambda ct, pet: (ct, ct),
    "PET is the CT + 1024": lambda ct, pet: (ct, ct + 1024),
    "PET is the CT, cut at 0": lambda ct, pet: (ct, np.maximum(ct, 0)),
    "PET is the CT, scaled to 0..1": lambda ct, pet: (ct, (np.clip(ct, -1000, 1000) + 1000) / 2000),
    "swapped": lambda ct, pet: (pet, ct),
    "swapped, PET below 0": lambda ct, pet: (pet - 0.02, ct),
    "swapped, CT cut at 0": lambda ct, pet: (pet - 0.02, np.maximum(ct, 0)),
    "CT + 1000": lambda ct, pet: (ct + 1000, pet),
    "CT + 1024": lambda ct, pet: (ct + 1024, pet),
    "CT in 0..4095": lambda ct, pet: (np.clip(ct + 1024, 0, 4095), pet),
    "CT in 0..1": lambda ct, pet: ((np.clip(ct, -1000, 1000) + 1000) / 2000, pet),
    "CT in -1..1": lambda ct, pet: (np.clip(ct, -1000, 1000) / 1000, pet),
    "CT x 10": lambda ct, pet: (ct * 10, pet),
    "CT - 1024": lambda ct, pet: (ct - 1024, pet),
    "CT upside down": lambda ct, pet: (-ct - 1000, pet),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_images_are_refused(name, fault):
    with pytest.raises(CaseRefused, match=r"^(ct|pet)\.nii: "):
        look_at(*FAULTS[fault](*view(name)))


def test_a_ct_that_covers_a_third_of_the_pet_is_refused():
    ct, pet = person()
    ct[35:] = -1024
    with pytest.raises(CaseRefused, match=r"only \d\d% of its activity .* covers too little"):
        look_at(ct, pet)


@pytest.mark.parametrize(("factor", "possible"), [(0.66, True), (1.2, True), (1.3, False), (62, False)])
def test_a_pet_holds_the_injected_dose_at_most(factor, possible):
    """70 kg at SUV 1 everywhere are the whole dose."""
    suv = np.full((70, 10, 100), factor, np.float32)
    if possible:
        require_possible_dose(suv, 1.0, 70, "pet.nii")
    else:
        with pytest.raises(CaseRefused, match=f"{factor} times the dose"):
            require_possible_dose(suv, 1.0, 70, "pet.nii")


@pytest.mark.parametrize(
    "fault", ["SUV x 94", "SUV x 55", "SUV x 20.7", "SUV x 14", "SUV / 71", "SUV / 1e6", "negative PET"]
)
def test_a_pet_without_ct_is_checked_by_itself(fault):
    pet = FAULTS[fault](*person())[1]
    with pytest.raises(CaseRefused, match=r"pet\.nii: not in SUV"):
        require_plausible_case([Channel(MODALITIES["pet"], pet, "pet.nii")], VOXEL_ML)
    assert require_plausible_case([Channel(MODALITIES["pet"], person()[1], "pet.nii")], VOXEL_ML) is None


def test_a_shifted_ct_without_pet_shows_more_than_any_person_weighs():
    ct = np.pad(person()[0], ((0, 0), (40, 40), (40, 40)), constant_values=-1000)
    require_plausible_case([Channel(MODALITIES["ct"], ct, "ct.nii")], VOXEL_ML)
    with pytest.raises(CaseRefused, match=r"ct.nii: not in HU, \d{4} kg"):
        require_plausible_case([Channel(MODALITIES["ct"], ct + 1010, "ct.nii")], VOXEL_ML)


def test_images_without_a_unit_are_not_checked():
    mri = Channel(None, np.linspace(0, 1e6, 1000).reshape(10, 10, 10), "t1.nii")
    assert require_plausible_case([mri, mri], VOXEL_ML) is None


def test_every_pet_of_a_case_is_checked():
    ct, pet = person()
    channels = [Channel(MODALITIES["pet"], pet, "a.nii"), Channel(MODALITIES["pet"], pet * 14, "b.nii")]
    with pytest.raises(CaseRefused, match=r"^b\.nii"):
        require_plausible_case([Channel(MODALITIES["ct"], ct, "ct.nii"), *channels], VOXEL_ML)


def test_bounds_loosen_where_a_view_may_lie_in_one_organ():
    masses_kg = [0.1, 0.3, 1, 2, 3, 10, 50, 100]
    for bound in (
        highest_mean_suv,
        lambda kg: highest_tenth_suv(kg, air=0.3),
        lambda kg: highest_tenth_suv(kg, air=0.6),
    ):
        bounds = [bound(kg) for kg in masses_kg]
        assert bounds == sorted(bounds, reverse=True)
        assert bounds[-1] == 2  # twice what a whole person has at most
    assert highest_mean_suv(50) == 3
    assert highest_tenth_suv(1, air=0.3) == 18
    assert highest_tenth_suv(1, air=0.6) == 4
