"""Groups of patients: nobody stands in two, nothing that was chosen on before is reported."""

import numpy as np
import pytest

from benchmarks.study.patients import DEVELOPMENT, REPORTED, draw_members, label_maps_by_group
from nnunetv2_muduo.phantom.label_cohort import mapped_case


@pytest.fixture(scope="module")
def label_maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    for patient in range(262):
        for study in range(1 + (patient % 20 == 0)):
            (folder / f"fdg_{patient:04x}_study-{study}.nii.gz").touch()
    return folder


def patients(files):
    return [mapped_case(file).patient_name for file in files]


def test_groups_never_mix_and_stay_the_same(label_maps):
    groups = {name: set(patients(files)) for name, files in label_maps_by_group(label_maps).items()}
    assert {name: len(group) for name, group in groups.items()} == {"teachers": 140, "development": 46, "reported": 74}
    assert len(set.union(*groups.values())) == 260
    assert label_maps_by_group(label_maps) == label_maps_by_group(label_maps)


def test_former_test_cases_are_for_development_and_reported_ones_were_never_looked_at(label_maps):
    """The former study's draw, written down again: 24 test, 2 validation and 60 training cases of the 120 in order of names."""
    groups = label_maps_by_group(label_maps)
    names = sorted(patients(groups["development"] + groups["reported"]))
    order = [names[index] for index in np.random.default_rng(0).permutation(120)]
    assert set(order[:26]) <= set(patients(groups["development"]))
    reported = draw_members(groups["reported"], REPORTED, 5, 0)
    assert set(patients([*reported["test"].values(), *reported["val"].values()])) == set(order[86:])


@pytest.mark.parametrize(("group", "n_train"), [(DEVELOPMENT, 30), (REPORTED, 40)])
def test_test_cases_stay_and_labeled_ones_are_nested(label_maps, group, n_train):
    files = label_maps_by_group(label_maps)[group.name]
    few, many, other = (draw_members(files, group, n, seed) for n, seed in ((5, 0), (10, 0), (5, 1)))
    assert few["test"] == many["test"] == other["test"]
    assert few["train"].items() < many["train"].items()
    assert few["train"] != other["train"]
    assert len(few["train"] | few["unlabeled"]) == n_train
    everybody = [file for cases in few.values() for file in cases.values()]
    assert sorted(everybody) == sorted(files)


def test_more_labels_than_cases_are_refused(label_maps):
    with pytest.raises(ValueError, match="31 labeled cases are asked for, development has 30"):
        draw_members(label_maps_by_group(label_maps)["development"], DEVELOPMENT, 31, 0)
