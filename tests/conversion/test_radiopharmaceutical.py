"""Dose, nuclide and half-life of a PET header: converted where it is certain, refused where they contradict each other."""

import pytest

pytest.importorskip("pydicom")
from pet_header import administration, code, decayed, factor, header

from nnunetv2_muduo.conversion.nuclides import NUCLIDES
from nnunetv2_muduo.conversion.suv import suv_scaling
from nnunetv2_muduo.imageio.refusal import CaseRefused


def refused(radiopharmaceutical=None, match=None, **tags):
    with pytest.raises(CaseRefused, match=match):
        suv_scaling([header(radiopharmaceutical, **tags)])


@pytest.mark.parametrize("mbq", [61, 350, 1990])
def test_dose_in_mbq_is_converted_where_it_is_certain(mbq):
    scaling = suv_scaling([header({"RadionuclideTotalDose": mbq})])
    assert scaling.factors[0] == pytest.approx(decayed(1) * 350 / mbq)
    assert scaling.dose_mbq == pytest.approx(mbq)


@pytest.mark.parametrize("dose", [0.35, 9.46, 37, 2100, 12000, 350e3, 9.9e5, 3.5e9, 3.5e10, 350e12, float("inf")])
@pytest.mark.parametrize("correction", ["START", "ADMIN", "NONE"])
def test_doses_that_nobody_gets_are_refused(dose, correction):
    refused({"RadionuclideTotalDose": dose}, match=r"0018,1074.*Bq", DecayCorrection=correction)


@pytest.mark.parametrize(
    ("half_life", "dose"), [(76.0, 2.2e9), (122.24, 3.7e9), (230580, 8e9), (282240, 37e6), (6586.2, 1.1e9)]
)
def test_high_doses_of_flow_tracers_and_of_therapies_are_believed(half_life, dose):
    tags = {"RadionuclideHalfLife": half_life, "RadionuclideTotalDose": dose}
    assert factor(header(tags, DecayCorrection="ADMIN")) == pytest.approx(70000 / dose)


@pytest.mark.parametrize("dose", [0, -350e6, "", None])
def test_dose_must_be_above_0(dose):
    refused({"RadionuclideTotalDose": dose}, match="RadionuclideTotalDose")


def test_half_life_fits_the_nuclide_in_any_spelling():
    words = ["^18^Fluorine", "18F", "F-18", "F18", "Fluorine F^18^", "fluorine 18", "[18F]"]
    for sequence in [code("C-111A1"), code("77004003", scheme="SCT"), *(code("x", word) for word in words)]:
        assert factor(header({"RadionuclideCodeSequence": sequence})) == pytest.approx(decayed(1))
        refused({"RadionuclideCodeSequence": sequence, "RadionuclideHalfLife": 4062}, match="HalfLife.*F-18")
        refused({"RadionuclideCodeSequence": sequence, "RadionuclideHalfLife": 7200}, match="HalfLife.*F-18")
    assert factor(header({"RadionuclideCodeSequence": code("C-99", "unknown")})) == pytest.approx(decayed(1))


@pytest.mark.parametrize("nuclide", NUCLIDES, ids=str)
def test_nuclides_are_found_by_code_and_name_and_told_apart(nuclide):
    named = [
        f"^{nuclide.mass}^{nuclide.element}",
        f"{nuclide.mass}{nuclide.symbol}",
        f"{nuclide.symbol}-{nuclide.mass}",
    ]
    for text in named:
        assert [other for other in NUCLIDES if other.is_named_in(text)] == [nuclide]
    assert sum(nuclide.codes[:1] == other.codes[:1] for other in NUCLIDES if other.codes) <= 1


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("C-131A3", "^68^Gallium"),
        ("C-131A3", ""),
        ("", "Ga-68"),
        ("35337001", "x"),
        ("C-105A1", "^11^Carbon"),
        ("C-111A1", "68Ga"),
    ],
)
def test_nuclide_that_contradicts_the_half_life_is_refused(value, meaning):
    refused({"RadionuclideCodeSequence": code(value, meaning)}, match=r"RadionuclideHalfLife \(0018,1075\)")


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize(
    ("half_life", "value", "unit"),
    [
        (109.77, "C-111A1", "minutes"),
        (110, "C-111A1", "minutes"),
        (1.83, "C-111A1", "hours"),
        (67.7, "C-131A3", "minutes"),
        (20.4, "C-105A1", "minutes"),
        (1.27, "C-159A2", "minutes"),
        (12.7, "C-127A2", "hours"),
        (3.27, "C-168A4", "days"),
    ],
)
def test_half_lives_in_other_units_are_refused_in_words(half_life, value, unit, is_named):
    tags = {"RadionuclideHalfLife": half_life}
    if is_named:
        refused(tags | {"RadionuclideCodeSequence": code(value)}, match=f"RadionuclideHalfLife.*are these {unit}")
    else:
        refused(tags, match="RadionuclideHalfLife")


@pytest.mark.parametrize("half_life", [7200, 5400, 0, -6586.2, 1e12])
def test_half_lives_of_no_nuclide_are_refused(half_life):
    refused({"RadionuclideHalfLife": half_life}, match="HalfLife")


def test_several_administrations_are_refused_unless_they_agree():
    second = header()
    second.RadiopharmaceuticalInformationSequence.append(administration())
    assert factor(second) == pytest.approx(decayed(1))
    for tags in (
        {"RadionuclideTotalDose": 100e6},
        {"RadiopharmaceuticalStartTime": "103000"},
        {"RadionuclideHalfLife": 4062},
    ):
        dataset = header()
        dataset.RadiopharmaceuticalInformationSequence.append(administration(tags))
        with pytest.raises(CaseRefused, match=r"2 administrations.*0054,0016"):
            suv_scaling([dataset])
