"""What CT and PET show: values per organ, contrast, resolution, noise, breathing."""

from dataclasses import replace

import numpy as np
import pytest

from nnunetv2_muduo.phantom.anatomy import ScanGrid
from nnunetv2_muduo.phantom.appearance import ct_image, pet_image
from nnunetv2_muduo.phantom.tissues import ID, LABELS, TISSUES

SUV_MEDIANS = {
    "liver": (1.5, 3.4),
    "spleen": (1.1, 2.8),
    "aorta": (0.9, 2.6),
    "heart": (1.0, 8.0),
    "kidney_left": (1.5, 9.0),
    "lung_upper_lobe_left": (0.2, 1.0),
}


def median(images, modality, name):
    return np.median(images[modality][images["SEG"] == LABELS[name]])


def flat_grid(shape, spacing_mm):
    return ScanGrid(tuple((np.arange(n) - n / 2) * spacing_mm for n in shape), spacing_mm)


def test_densities_are_those_of_ct(rendered):
    for images in rendered:
        assert images["CTres"].min() >= -1024
        assert -1020 < np.median(images["CTres"][:, :8]) < -980  # air in front of the patient
        assert images["CTres"].max() > 400  # bone
        assert 40 < median(images, "CTres", "liver") < 130
        for name in LABELS:
            if name.startswith("lung"):
                assert -920 < median(images, "CTres", name) < -600, name


def test_contrast_medium_brightens_vessels_and_kidneys(cases, rendered):
    for case, images in zip(cases, rendered, strict=True):
        aorta_hu, kidney_hu = median(images, "CTres", "aorta"), median(images, "CTres", "kidney_left")
        assert (aorta_hu > 90) == (kidney_hu > 80) == (case.study.contrast > 0)
    assert len({case.study.contrast > 0 for case in cases}) == 2


def test_uptake_is_that_of_fdg(cases, rendered):
    for images in rendered:
        for name, (low, high) in SUV_MEDIANS.items():
            assert low < median(images, "SUV", name) < high, name
        assert images["SUV"].min() == 0
        assert images["SUV"].max() > 6  # bladder or brain
        assert np.median(images["SUV"]) < 0.05  # air
    livers = [median(images, "SUV", "liver") for images in rendered]
    assert 1.9 < np.mean(livers) < 2.9
    assert np.ptp(livers) > 0.1


def test_pet_resolution_is_the_stated_full_width_at_half_maximum(cases):
    grid = flat_grid((9, 9, 81), 1.0)
    tissue = np.full(grid.shape, ID["air"], np.uint8)
    tissue[:, :, 40:] = ID["airway"]  # neither has texture, and their uptakes differ
    study = replace(cases[0].study, pet_fwhm_mm=6.0, pet_noise=0.0, breathing_mm=0.0)
    profile = np.diff(pet_image(tissue, study, grid, np.random.default_rng(0), 0.0)[4, 4].astype(float))
    profile /= profile.sum()
    positions = np.arange(len(profile))
    sigma_mm = np.sqrt(profile @ positions**2 - (profile @ positions) ** 2)
    assert sigma_mm * np.sqrt(8 * np.log(2)) == pytest.approx(6.0, rel=0.05)


def test_pet_noise_grows_with_the_root_of_the_signal_and_is_correlated(cases):
    grid = flat_grid((24, 40, 40), 3.0)
    ratios = {}
    for name in ("muscle", "gray_matter"):
        tissue = np.full(grid.shape, ID[name], np.uint8)
        noisy, clean = (
            pet_image(tissue, replace(cases[0].study, pet_noise=n, breathing_mm=0), grid, np.random.default_rng(5), 0.0)
            for n in (0.1, 0.0)
        )
        noise = (noisy - clean) / np.sqrt(clean)
        ratios[name] = noise.std()
        neighbors = np.corrcoef(noise[:, :, :-1].ravel(), noise[:, :, 1:].ravel())[0, 1]
        assert neighbors > 0.3
    assert ratios["gray_matter"] == pytest.approx(0.1, rel=0.1)
    assert ratios["muscle"] == pytest.approx(0.1, rel=0.1)


def test_ct_noise_is_the_stated_one(cases):
    grid = flat_grid((24, 40, 40), 4.0)
    tissue = np.full(grid.shape, ID["muscle"], np.uint8)
    noisy, clean = (
        ct_image(tissue, replace(cases[0].study, ct_noise_hu=n), grid, np.random.default_rng(5)) for n in (15.0, 0.0)
    )
    assert (noisy - clean)[3:-3, 3:-3, 3:-3].std() == pytest.approx(15, rel=0.05)


def test_breathing_moves_the_pet_near_the_diaphragm_only(cases):
    grid = flat_grid((200, 3, 3), 4.0)
    tissue = np.full(grid.shape, ID["air"], np.uint8)
    for z_mm in (0, 300):
        tissue[np.abs(grid.axes_zyx[0] - z_mm) < 12] = ID["airway"]
    centers = {}
    for shift_mm in (0.0, 10.0):
        study = replace(cases[0].study, pet_noise=0.0, breathing_mm=shift_mm)
        suv = pet_image(tissue, study, grid, np.random.default_rng(0), 0.0)[:, 1, 1] - TISSUES[ID["air"]].suv
        centers[shift_mm] = [
            np.average(grid.axes_zyx[0][part], weights=suv[part]) for part in (slice(80, 120), slice(155, 195))
        ]
    assert centers[0.0][0] - centers[10.0][0] == pytest.approx(10, abs=1.5)
    assert centers[0.0][1] == pytest.approx(centers[10.0][1], abs=0.05)
