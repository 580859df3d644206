"""What every series must be: one header for all slices, attenuation corrected, rescaled by a positive slope."""

import numpy as np
import pytest

pytest.importorskip("pydicom")
from pet_header import header

from nnunetv2_muduo.conversion.header_check import require_true_slopes
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


@pytest.mark.parametrize("slope", [0, -1, "", float("nan"), float("inf")])
def test_slopes_that_cannot_be_are_refused(slope):
    with pytest.raises(CaseRefused, match="RescaleSlope"):
        suv_scaling([header(), header(RescaleSlope=slope)])
    with pytest.raises(CaseRefused, match="RescaleIntercept"):
        suv_scaling([header(), header(RescaleIntercept=float("nan"))])


@pytest.mark.parametrize("factor", [1e6, 20, 1 / 20, 1e-6])
def test_slice_that_is_unlike_both_its_neighbors_is_refused(factor):
    activity = 1000 * np.random.default_rng(0).random((12, 8, 8))
    require_true_slopes(activity)
    require_true_slopes(activity * np.linspace(1, 2, 12)[:, None, None] ** 5)
    require_true_slopes(activity * np.isin(np.arange(12), (3, 4, 8))[:, None, None])  # slices without activity
    require_true_slopes(activity[:2])
    activity[5] *= factor
    with pytest.raises(CaseRefused, match=r"slice 6 of 12.*RescaleSlope"):
        require_true_slopes(activity)


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
