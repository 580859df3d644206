"""Values of the organs of a label map, known and unknown."""

import numpy as np
from fixtures.phantom import medians

from nnunetv2_muduo.phantom.organs import organ_kinds, tissue_table, unknown_organs
from nnunetv2_muduo.phantom.tissues import TISSUES

HU_RANGES = {"liver": (30, 150), "spleen": (30, 150), "lungs": (-900, -600), "bladder": (-15, 40), "brain": (20, 60)}
SUV_RANGES = {"liver": (1.4, 4), "spleen": (0.8, 3.5), "lungs": (0.15, 1.2), "bladder": (2, 80), "brain": (1.5, 16)}


def test_organs_have_plausible_values_that_differ_between_studies(studies, labels):
    for modality, ranges in (("CTres", HU_RANGES), ("SUV", SUV_RANGES)):
        found = [medians(images, modality, labels) for images in studies]
        for name, (low, high) in ranges.items():
            values = [organs[name] for organs in found]
            assert low < min(values), (modality, name, values)
            assert max(values) < high, (modality, name, values)
            assert np.ptp(values) > 0.05 * (high - low), (modality, name, values)


def test_uptake_can_be_missing_or_uneven(render, labels):
    usual, cold, patchy = (render(0, **s) for s in ({}, {"cold_fraction": 1.0}, {"patchy_fraction": 1.0}))
    suv = [medians(images, "SUV", labels) for images in (usual, cold)]
    for name in ("liver", "spleen", "kidneys", "brain", "bladder"):
        assert suv[1][name] < 0.6 * suv[0][name], name
    np.testing.assert_array_equal(usual["CTres"], cold["CTres"])
    liver = usual["SEG"] == labels["liver"]
    spread = [images["SUV"][liver].std() / images["SUV"][liver].mean() for images in (usual, patchy)]
    assert spread[1] > 1.5 * spread[0]


def test_unknown_organs_are_soft_tissue_of_their_own():
    labels = {"background": 0, "kidney_left": 1, "urinary_bladder": 2, "adrenal_gland_left": 3, "thymus": 4, "vein": 5}
    assert organ_kinds(labels) == {1: "kidney", 2: "bladder", 3: "gland", 4: "thymus", 5: "vein"}
    assert unknown_organs(labels) == ["thymus"]
    table = tissue_table(labels)
    assert table[: len(TISSUES)] == TISSUES
    assert [tissue.name for tissue in table[len(TISSUES) :]] == ["cyst", "thymus"]
    assert 20 < table[-1].hu < 70
