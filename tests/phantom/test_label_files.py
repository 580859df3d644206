"""PET/CT from label maps: geometry, values per organ, and where PET and CT disagree."""

import itertools
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import binary_dilation, binary_fill_holes

from nnunetv2_muduo.phantom.label_cohort import Recipe, mapped_case, render_from_labels
from nnunetv2_muduo.phantom.label_files import find_label_files, read_labels
from nnunetv2_muduo.phantom.population import MAPPED_ADULTS

QUIET = replace(MAPPED_ADULTS, cold_fraction=0.0, avid_fraction=0.0, patchy_fraction=0.0, cyst_fraction=0.0)
HU_RANGES = {"liver": (30, 150), "spleen": (30, 150), "lungs": (-900, -600), "bladder": (-15, 40), "brain": (20, 60)}
SUV_RANGES = {"liver": (1.4, 4), "spleen": (0.8, 3.5), "lungs": (0.15, 1.2), "bladder": (2, 80), "brain": (1.5, 16)}


@pytest.fixture(scope="module")
def labels(label_folder):
    return json.loads((label_folder / "labels.json").read_text())


@pytest.fixture(scope="module")
def render(label_folder, labels):
    """Render map number `index`, with settings of the population; arrays (z, y, x), y to the front."""
    files = find_label_files(label_folder)

    def render_arrays(index, seed=0, population=QUIET, **settings):
        recipe = Recipe(labels, seed, 8.0, replace(population, **settings))
        images = render_from_labels(mapped_case(files[index]), recipe)
        return {name: sitk.GetArrayFromImage(image) for name, image in images.items()}

    return render_arrays


@pytest.fixture(scope="module")
def studies(render):
    """Three maps with two seeds each."""
    return [render(index, seed) for index, seed in itertools.product(range(3), (0, 1))]


def medians(images, modality, labels):
    found = {name: images[modality][images["SEG"] == value] for name, value in labels.items() if value}
    return {name: np.median(values) for name, values in found.items() if len(values)}


def centroid_mm(image, value):
    z, y, x = np.argwhere(sitk.GetArrayFromImage(image) == value).mean(0)
    return image.TransformContinuousIndexToPhysicalPoint((x, y, z))


@pytest.mark.parametrize("index", range(3))
def test_organs_stay_where_they_are_in_space_and_as_large(label_folder, labels, index):
    path = find_label_files(label_folder)[index]
    source = sitk.ReadImage(str(path))
    images = render_from_labels(mapped_case(path), Recipe(labels, 0, 8.0, MAPPED_ADULTS))
    seg = images["SEG"]
    assert seg.GetSpacing() == (8, 8, 8)
    assert seg.GetDirection() == source.GetDirection()
    for image in images.values():
        assert (image.GetSize(), image.GetOrigin()) == (seg.GetSize(), seg.GetOrigin())
        assert image.GetDirection() == seg.GetDirection()
    present = set(np.unique(sitk.GetArrayFromImage(source)))
    assert set(np.unique(sitk.GetArrayFromImage(seg))) == present
    assert len(present) >= 9
    for value in present - {0}:
        np.testing.assert_allclose(centroid_mm(seg, value), centroid_mm(source, value), atol=4)
        volumes = [(sitk.GetArrayFromImage(i) == value).sum() * np.prod(i.GetSpacing()) for i in (seg, source)]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.05)


def test_organs_have_plausible_values_that_differ_between_studies(studies, labels):
    for modality, ranges in (("CTres", HU_RANGES), ("SUV", SUV_RANGES)):
        found = [medians(images, modality, labels) for images in studies]
        for name, (low, high) in ranges.items():
            values = [organs[name] for organs in found]
            assert low < min(values), (modality, name, values)
            assert max(values) < high, (modality, name, values)
            assert np.ptp(values) > 0.05 * (high - low), (modality, name, values)


def test_organs_lie_in_a_body_and_not_in_air(studies):
    for images in studies:
        body = binary_fill_holes(images["CTres"] > -400)
        organs = images["SEG"] > 0
        assert body[binary_dilation(organs)].mean() > 0.99
        assert 25 < body.sum() * 0.512e-3 < 130  # liters, from the thighs to the head
        assert np.median(images["CTres"][:, :3]) < -980
        assert images["CTres"].max() > 350  # bones


def test_what_surrounds_an_organ_is_soft_tissue(studies, labels):
    for images in studies:
        liver = images["SEG"] == labels["liver"]
        shell = binary_dilation(liver) & ~liver & (images["SEG"] != labels["lungs"])
        assert -120 < np.median(images["CTres"][shell]) < 120


def test_the_lungs_are_ringed_by_ribs(studies, labels):
    for images in studies:
        lungs = images["SEG"] == labels["lungs"]
        around = binary_dilation(lungs, iterations=2) & (images["SEG"] == 0)
        assert 0.03 < (images["CTres"][around] > 150).mean() < 0.6


def test_breathing_moves_the_pet_and_not_the_ct(render, labels):
    still, moved = (
        render(0, breathing_fraction=1.0, breathing_mm=(mm, mm), pet_noise=(0.0, 0.0)) for mm in (0.0, 12.0)
    )
    np.testing.assert_array_equal(still["CTres"], moved["CTres"])
    top = np.argwhere((still["SEG"] == labels["liver"]).any((1, 2)))[-1, 0]
    columns = (still["SEG"] == labels["liver"])[top - 4 : top].any(0)
    profiles = [images["SUV"][top - 6 : top + 6, columns].mean(1) for images in (still, moved)]
    z_mm = np.arange(12) * 8.0
    shifts = np.arange(-20, 20.5, 0.5)
    errors = [np.abs(np.interp(z_mm + s, z_mm, profiles[0]) - profiles[1])[3:-3].sum() for s in shifts]
    assert abs(shifts[np.argmin(errors)]) == pytest.approx(10, abs=3.5)  # less than 12 away from the diaphragm


def test_contrast_medium_is_in_the_ct_alone(render, labels):
    plain, enhanced = (render(0, contrast_fraction=f, ct_noise_hu=(10.0, 10.0)) for f in (0.0, 1.0))
    for name, gain in (("heart", 40), ("kidneys", 50), ("liver", 20), ("spleen", 25)):
        hu = [medians(images, "CTres", labels)[name] for images in (plain, enhanced)]
        assert hu[1] - hu[0] > gain, name
    assert abs(np.subtract(*(medians(images, "CTres", labels)["bladder"] for images in (plain, enhanced)))) < 20


def test_uptake_can_be_missing_or_uneven(render, labels):
    usual, cold, patchy = (render(0, **s) for s in ({}, {"cold_fraction": 1.0}, {"patchy_fraction": 1.0}))
    suv = [medians(images, "SUV", labels) for images in (usual, cold)]
    for name in ("liver", "spleen", "kidneys", "brain", "bladder"):
        assert suv[1][name] < 0.6 * suv[0][name], name
    np.testing.assert_array_equal(usual["CTres"], cold["CTres"])
    liver = usual["SEG"] == labels["liver"]
    spread = [images["SUV"][liver].std() / images["SUV"][liver].mean() for images in (usual, patchy)]
    assert spread[1] > 1.5 * spread[0]


def test_organs_are_not_of_one_piece_inside(render, labels):
    images = render(0, uptake_variation=0.0, pet_noise=(0.0, 0.0), pet_fwhm_mm=(5.0, 5.0))
    for name, percentile, low, high in (
        ("kidneys", 97, 1.4, 5),  # urine in the renal pelvis
        ("heart", 97, 1.3, 3),  # the left ventricle's wall
        ("brain", 8, 0.2, 0.75),  # white matter
        ("stomach", 97, 1.3, 5),  # wall around content
    ):
        suv = images["SUV"][images["SEG"] == labels[name]]
        assert low < np.percentile(suv, percentile) / np.median(suv) < high, name


def test_cysts_are_dark_in_both_and_belong_to_their_organ(render, labels):
    plain, cystic = (render(1, cyst_fraction=f, contrast_fraction=1.0, ct_noise_hu=(8.0, 8.0)) for f in (0.0, 1.0))
    np.testing.assert_array_equal(plain["SEG"], cystic["SEG"])
    liver = plain["SEG"] == labels["liver"]
    assert (cystic["CTres"][liver] < 40).sum() > (plain["CTres"][liver] < 40).sum() + 5
    assert np.percentile(cystic["SUV"][liver], 2) < np.percentile(plain["SUV"][liver], 2)


def test_lesions_are_hot_places_outside_the_organs(render, labels):
    def n_hot(images):
        known = np.isin(images["SEG"], [labels[n] for n in ("bladder", "kidneys", "brain", "heart", "stomach")])
        return ((images["SUV"] > 4) & ~binary_dilation(known, iterations=3) & (images["SEG"] == 0)).sum()

    without, with_lesions = (
        sum(n_hot(render(index, lesion_fraction=f, uptake_variation=0.0)) for index in range(3)) for f in (0.0, 1.0)
    )
    assert with_lesions > without + 10


SHARED = Path(os.environ.get("MUDUO_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data")) / "autopet3_organs"


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no AutoPET III organ maps in {SHARED}")
def test_a_real_map_keeps_its_organs():
    path = find_label_files(SHARED)[0]
    labels = read_labels([path])
    images = render_from_labels(mapped_case(path), Recipe(labels, 0, 8.0, MAPPED_ADULTS))
    source = sitk.ReadImage(str(path))
    counts, expected = (
        np.bincount(sitk.GetArrayFromImage(image).ravel(), minlength=11)[1:] * np.prod(image.GetSpacing())
        for image in (images["SEG"], source)
    )
    np.testing.assert_allclose(counts, expected, rtol=0.05, atol=512)
    np.testing.assert_allclose(
        centroid_mm(images["SEG"], labels["spleen"]), centroid_mm(source, labels["spleen"]), atol=3
    )
