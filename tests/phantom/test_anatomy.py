"""The anatomy: which organs there are, how large, where, in how many parts."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import label as connected_components

from nnunetv2_muduo.phantom.anatomy import scan_grid, tissue_map
from nnunetv2_muduo.phantom.cohort import render_case
from nnunetv2_muduo.phantom.population import ADULTS
from nnunetv2_muduo.phantom.tissues import ID, LABELS

SPACING_MM = 8.0  # of the `rendered` cases
VOLUMES_ML = {
    "liver": (950, 2250),
    "kidney_left": (90, 225),
    "kidney_right": (90, 225),
    "heart": (380, 900),
    "spleen": (95, 400),
    "aorta": (120, 380),
    "prostate": (13, 62),
}
LUNGS = [name for name in LABELS if name.startswith("lung")]


def organ_mask(images, name):
    return images["SEG"] == LABELS[name]


def volume_ml(images, name, spacing_mm=SPACING_MM):
    return organ_mask(images, name).sum() * spacing_mm**3 / 1000


def test_every_organ_is_there_and_only_men_have_a_prostate(cases, rendered):
    assert {case.patient.male for case in cases} == {True, False}
    for case, images in zip(cases, rendered, strict=True):
        expected = set(LABELS.values()) - (set() if case.patient.male else {LABELS["prostate"]})
        assert set(np.unique(images["SEG"])) == expected


@pytest.mark.parametrize("name", VOLUMES_ML)
def test_organ_volumes_are_those_of_adults(rendered, name):
    low, high = VOLUMES_ML[name]
    volumes = [volume_ml(images, name) for images in rendered if organ_mask(images, name).any()]
    assert low <= min(volumes)
    assert max(volumes) <= high
    assert np.ptp(volumes) > 0.05 * np.mean(volumes)


def test_lung_volumes_are_those_of_adults(rendered):
    for images in rendered:
        lobes_ml = {name: volume_ml(images, name) for name in LUNGS}
        assert 2200 <= sum(lobes_ml.values()) <= 6000
        assert min(lobes_ml, key=lobes_ml.get) == "lung_middle_lobe_right"
        assert lobes_ml["lung_middle_lobe_right"] > 80


def test_every_organ_is_in_one_piece(rendered):
    for images in rendered:
        for name in set(LABELS) - {"background"}:
            _, n_parts = connected_components(organ_mask(images, name), structure=np.ones((3, 3, 3)))
            assert n_parts <= 1, name


def test_organs_lie_in_order_from_feet_to_head_and_from_front_to_back(rendered):
    for images in rendered:
        organs = [name for name in LABELS if organ_mask(images, name).any()]
        z, y = ({o: np.argwhere(organ_mask(images, o))[:, axis].mean() for o in organs} for axis in (0, 1))
        assert z["kidney_left"] < z["spleen"] < z["heart"] < z["lung_upper_lobe_left"]
        assert z.get("prostate", 0) < z["kidney_right"] < z["liver"]
        assert z["lung_middle_lobe_right"] < z["lung_upper_lobe_right"]
        assert y["heart"] < y["lung_lower_lobe_left"]
        assert y["lung_middle_lobe_right"] < y["lung_lower_lobe_right"]
        assert y["liver"] < y["kidney_right"]


def test_a_patient_is_the_same_on_another_grid(cases, rendered):
    coarse = render_case(cases[0], 12.0)
    for name in ("liver", "heart", "spleen", "kidney_left", "lung_lower_lobe_right"):
        assert volume_ml(coarse, name, 12.0) == pytest.approx(volume_ml(rendered[0], name), rel=0.12), name


def test_studies_of_one_patient_show_the_same_anatomy_in_new_pose_and_uptake(cases, rendered):
    first, second = 1, 2
    assert cases[first].patient == cases[second].patient
    assert cases[first].study_name != cases[second].study_name
    for name in ("liver", "spleen", "heart"):
        assert volume_ml(rendered[first], name) == pytest.approx(volume_ml(rendered[second], name), rel=0.1)
    livers = [np.median(rendered[i]["SUV"][organ_mask(rendered[i], "liver")]) for i in (first, second)]
    assert abs(livers[0] - livers[1]) > 0.01


def test_shape_variation_warps_the_body(cases):
    straight = replace(cases[0].patient, shape_variation_mm=0.0)
    maps = []
    for patient in (cases[0].patient, straight):
        grid = scan_grid(patient, cases[0].study, ADULTS.field_of_view_mm, 12.0)
        maps.append(tissue_map(patient, cases[0].study, grid))
    body = [tissue != ID["air"] for tissue in maps]
    assert 0.02 < (maps[0] != maps[1]).sum() / body[0].sum() < 0.5


def test_lesions_leave_the_labels_alone(cases):
    case = next(case for case in cases if case.patient.has_lesions)
    grid = scan_grid(case.patient, case.study, ADULTS.field_of_view_mm, 8.0)
    with_lesions = tissue_map(case.patient, case.study, grid)
    without = tissue_map(replace(case.patient, has_lesions=False), case.study, grid)
    differing = with_lesions != without
    assert (with_lesions == ID["lesion"]).any()
    assert (with_lesions[differing] == ID["lesion"]).all()
