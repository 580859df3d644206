"""The kind of decay correction, and tags that contradict it."""

import pytest

pytest.importorskip("pydicom")
from pet_header import F18_HALF_LIFE_S, decayed, factor, header

from nnunetv2_muduo.conversion.suv import suv_scaling
from nnunetv2_muduo.imageio.refusal import CaseRefused

FRAME = {"ActualFrameDuration": 240000, "FrameReferenceTime": 119000}


def decay_factor(seconds: float) -> float:
    """Of a frame of 240 s that starts some seconds after the time to which it is corrected."""
    return 2 ** ((seconds + 119.5) / F18_HALF_LIFE_S)


@pytest.mark.parametrize("correction", ["START", "ADMIN"])
def test_correction_that_was_not_applied_is_refused(correction):
    with pytest.raises(CaseRefused, match=rf"{correction}.*lacks DECY"):
        suv_scaling([header(DecayCorrection=correction, CorrectedImage=["ATTN", "SCAT"])])
    with pytest.raises(CaseRefused, match="lacks DECY"):
        suv_scaling([header(DecayCorrection=correction, CorrectedImage="ATTN")])
    with pytest.raises(CaseRefused, match="lacks DECY"):
        suv_scaling([header(DecayCorrection=correction), header(DecayCorrection=correction, CorrectedImage=["ATTN"])])
    assert factor(header(DecayCorrection=correction, CorrectedImage=None)) > 0


def test_decay_factor_tells_start_from_administration():
    start, admin = decay_factor(0), decay_factor(3600)
    assert factor(header(DecayFactor=start, **FRAME)) == pytest.approx(decayed(1))
    assert factor(header(DecayCorrection="ADMIN", DecayFactor=admin, **FRAME)) == pytest.approx(1 / 5000)
    with pytest.raises(CaseRefused, match=r"ADMIN.*correction to START"):
        suv_scaling([header(DecayCorrection="ADMIN", DecayFactor=start, **FRAME)])
    with pytest.raises(CaseRefused, match=r"START.*correction to ADMIN"):
        suv_scaling([header(DecayFactor=admin, **FRAME)])


@pytest.mark.parametrize("value", [None, "", 0, 1, 1.2, 5, -1])
def test_decay_factor_that_tells_nothing_does_no_harm(value):
    assert factor(header(DecayFactor=value, **FRAME)) == pytest.approx(decayed(1))
    assert factor(header(DecayCorrection="ADMIN", DecayFactor=value, **FRAME)) == pytest.approx(1 / 5000)


def test_administration_needs_no_times():
    times = dict.fromkeys(("SeriesTime", "AcquisitionTime", "SeriesDate", "AcquisitionDate"))
    scaling = suv_scaling([header({"RadiopharmaceuticalStartTime": None}, DecayCorrection="ADMIN", **times)])
    assert scaling.factors[0] == pytest.approx(1 / 5000)
    assert scaling.uptake_minutes is None
    assert suv_scaling([header(DecayCorrection="ADMIN")]).uptake_minutes == pytest.approx(60)


def test_none_that_was_corrected_is_refused():
    with pytest.raises(CaseRefused, match=r"NONE.*DecayFactor"):
        suv_scaling([header(DecayCorrection="NONE", DecayFactor=decay_factor(0), **FRAME)])
    uncorrected = header(DecayCorrection="NONE", CorrectedImage=["ATTN"], DecayFactor=1, **FRAME)
    assert factor(uncorrected) == pytest.approx(decayed(1 + 119.7 / 3600), rel=1e-4)
