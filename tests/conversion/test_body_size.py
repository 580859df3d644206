"""Weight, height and sex, and SUV that is normalized by something else than body weight."""

import pytest

pytest.importorskip("pydicom")
from pet_header import decayed, factor, header

from nnunetv2_muduo.conversion.dicom_tags import MissingTag
from nnunetv2_muduo.conversion.suv import suv_scaling
from nnunetv2_muduo.imageio.refusal import CaseRefused

PERSON = {"PatientWeight": 70, "PatientSize": 1.75, "PatientSex": "M"}


def refused(match=None, **tags):
    with pytest.raises(CaseRefused, match=match):
        suv_scaling([header(**tags)])


@pytest.mark.parametrize("weight", [1, 1.9, 321, 700, 999, 1500, 7e6, float("inf")])
@pytest.mark.parametrize("correction", ["START", "ADMIN"])
def test_weights_that_nobody_has_are_refused(weight, correction):
    refused("PatientWeight", PatientWeight=weight, DecayCorrection=correction)


@pytest.mark.parametrize("weight", [0, -70, "", float("nan")])
def test_weight_must_be_above_0(weight):
    refused("PatientWeight", PatientWeight=weight)


@pytest.mark.parametrize("weight", [2.5, 3.2, 12, 45, 190, 300])
def test_weights_of_newborns_and_of_the_heaviest_are_believed(weight):
    assert factor(header(PatientWeight=weight)) == pytest.approx(decayed(1) * weight / 70)


@pytest.mark.parametrize("weight_g", [2500, 70000, 154321])
def test_weight_in_grams_is_converted(weight_g):
    scaling = suv_scaling([header(PatientWeight=weight_g)])
    assert scaling.factors[0] == pytest.approx(decayed(1) * weight_g / 70000)
    assert scaling.weight_kg == pytest.approx(weight_g / 1000)


def test_weight_that_contradicts_the_height_is_refused():
    for size in (1.75, 175):
        assert factor(header(PatientSize=size)) == pytest.approx(decayed(1))
        refused(r"0010,1020", PatientSize=size, PatientWeight=7)
    refused(r"0010,1020", PatientSize=0.5, PatientWeight=70)
    for size in (0, "", 17.5, 1750):  # a height that can't be says nothing about the weight
        assert factor(header(PatientSize=size)) == pytest.approx(decayed(1))


# masses in kg of 70 kg and 175 cm, worked out by hand: BMI 22.857, (70 / 175)^2 = 0.16
@pytest.mark.parametrize(
    ("suv_type", "sex", "mass_kg"),
    [
        ("LBMJAMES128", "M", 77 - 20.48),
        ("LBMJAMES128", "F", 74.9 - 23.68),
        ("LBMJAMES128", "O", (56.52 + 51.22) / 2),
        ("LBM", "M", 77 - 19.2),
        ("LBM", "F", 74.9 - 23.68),
        ("LBMJANMA", "M", 9270 * 70 / (6680 + 216 * 22.857143)),
        ("LBMJANMA", "F", 9270 * 70 / (8780 + 244 * 22.857143)),
        ("IBW", "M", 48 + 1.06 * 23),
        ("IBW", "F", 45.5 + 0.91 * 23),
        ("IBW", "O", (48 + 1.06 * 23 + 45.5 + 0.91 * 23) / 2),
    ],
)
@pytest.mark.parametrize("size", [1.75, 175])
def test_suv_by_another_mass_becomes_suv_by_body_weight(suv_type, sex, mass_kg, size):
    tags = PERSON | {"PatientSize": size, "PatientSex": sex}
    assert factor(header(Units="GML", SUVType=suv_type, **tags)) == pytest.approx(70 / mass_kg)


def test_suv_by_body_surface_becomes_suv_by_body_weight():
    surface_cm2 = 71.84 * 70**0.425 * 175**0.725  # Du Bois; 1.85 m^2
    assert 18400 < surface_cm2 < 18600
    for suv_type in ("BSA", "", None):
        assert factor(header(Units="CM2ML", SUVType=suv_type, **PERSON)) == pytest.approx(70000 / surface_cm2)


def test_conversion_that_is_not_certain_is_refused():
    for missing, number in (("PatientSize", "0010,1020"), ("PatientSex", "0010,0040"), ("PatientWeight", "0010,1030")):
        with pytest.raises(MissingTag, match=rf"0054,1006.*{number}"):
            suv_scaling([header(Units="GML", SUVType="IBW", **(PERSON | {missing: None}))])
    refused("PatientSex", Units="GML", SUVType="IBW", **(PERSON | {"PatientSex": "X"}))
    refused("PatientSize", Units="GML", SUVType="LBMJANMA", **(PERSON | {"PatientSize": 0}))
    refused("PatientSize", Units="CM2ML", **(PERSON | {"PatientSize": 17}))
    refused("0054,1006", Units="GML", SUVType="BSA", **PERSON)
    refused("0054,1006", Units="CM2ML", SUVType="LBM", **PERSON)
    refused("0054,1006", Units="GML", SUVType="SURFACE", **PERSON)


def test_facts_of_a_series_in_suv_are_those_that_can_be():
    known = suv_scaling([header(Units="GML")])
    assert (known.weight_kg, known.dose_mbq, known.uptake_minutes) == pytest.approx((70, 350, 60))
    assert known.facts() == {"weight_kg": "70", "dose_mbq": "350", "uptake_minutes": "60"}
    unknown = suv_scaling(
        [header({"RadionuclideTotalDose": 5, "RadiopharmaceuticalStartTime": ""}, Units="GML", PatientWeight=999)]
    )
    assert unknown.factors == (1.0,)
    assert unknown.facts() == {}
