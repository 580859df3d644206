"""What every series must be: one header for all slices, attenuation corrected, rescaled by a positive slope."""

import pytest

pytest.importorskip("pydicom")
from pet_header import header

from nnunetv2_muduo.conversion.suv import suv_scaling
from nnunetv2_muduo.imageio.refusal import CaseRefused


@pytest.mark.parametrize("units", ["BQML", "GML", "CNTS"])
@pytest.mark.parametrize(
    "tags",
    [
        {"CorrectedImage": ["DECY"]},
        {"CorrectedImage": "DECY"},
        {"CorrectedImage": None, "AttenuationCorrectionMethod": "NONE"},
    ],
)
def test_series_without_attenuation_correction_is_refused(units, tags):
    with pytest.raises(CaseRefused, match="not attenuation corrected"):
        suv_scaling([header(Units=units, **tags)])


def test_attenuation_correction_of_one_slice_is_not_enough():
    with pytest.raises(CaseRefused, match="not attenuation corrected"):
        suv_scaling([header(), header(CorrectedImage=["DECY"])])
    assert suv_scaling([header(AttenuationCorrectionMethod="measured,, 0.096000 cm-1,")]).factors


@pytest.mark.parametrize("slope", [0, -1, "", "many", float("nan"), float("inf")])
def test_slopes_that_cannot_be_are_refused(slope):
    dataset = header()
    dataset.RescaleSlope = None
    dataset["RescaleSlope"].value = slope if slope != "many" else ""
    with pytest.raises(CaseRefused, match="RescaleSlope"):
        suv_scaling([header(), dataset])


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientWeight", 71),
        ("Units", "GML"),
        ("DecayCorrection", "ADMIN"),
        ("PatientSize", 1.6),
        ("PatientWeight", None),
    ],
)
def test_slices_that_differ_in_what_is_the_patients_are_refused(keyword, value):
    with pytest.raises(CaseRefused, match=f"differ in {keyword}"):
        suv_scaling([header(), header(**{keyword: value}), header()])


@pytest.mark.parametrize("tags", [{"RadionuclideTotalDose": 351e6}, {"RadiopharmaceuticalStartTime": "100100"}])
def test_slices_that_differ_in_the_administration_are_refused(tags):
    with pytest.raises(CaseRefused, match=r"differ in .*0054,0016"):
        suv_scaling([header(), header(tags)])
