"""Which decay correction a PET series has, and whether its tags agree on that."""

import math

from nnunetv2_muduo.conversion.dicom_tags import number_or_zero, required
from nnunetv2_muduo.conversion.dicom_times import acquisition_time
from nnunetv2_muduo.conversion.injection import injection_time
from nnunetv2_muduo.conversion.radiopharmaceutical import administration, half_life_s
from nnunetv2_muduo.conversion.reference_time import mean_activity_offset_s, series_reference_time
from nnunetv2_muduo.imageio.refusal import CaseRefused

CORRECTIONS = ("START", "ADMIN", "NONE")
UNCORRECTED = 1.002
"""A DecayFactor (0054,1321) up to it is one that was not applied, or to a frame of a few seconds."""
CLEAR_S = 600
"""Corrections to start and to administration are told apart by their DecayFactor if they are that long apart."""


def required_correction(dataset) -> str:
    """START, ADMIN or NONE. Raises MissingTag where it is missing, CaseRefused where CorrectedImage contradicts it."""
    correction = required(dataset, "DecayCorrection")
    if correction not in CORRECTIONS:
        raise CaseRefused(f"DecayCorrection (0054,1102) is {correction!r}, known are START, ADMIN and NONE")
    corrected = dataset.get("CorrectedImage")
    if correction != "NONE" and corrected and "DECY" not in corrected:
        raise CaseRefused(
            f"DecayCorrection (0054,1102) is {correction}, but CorrectedImage (0028,0051) lacks DECY: is the activity "
            "decay corrected or not?"
        )
    if correction == "NONE" and "DECY" in (corrected or ()) and number_or_zero(dataset, "DecayFactor") > UNCORRECTED:
        raise CaseRefused(
            "DecayCorrection (0054,1102) is NONE, but CorrectedImage (0028,0051) and DecayFactor (0054,1321) say that "
            "the activity is decay corrected"
        )
    return correction


def require_agreeing_decay_factor(slices: list, correction: str) -> None:
    """Raises CaseRefused where DecayFactor (0054,1321) shows START in a series that says ADMIN, or the reverse."""
    try:
        since = _seconds_of_correction(slices)
    except CaseRefused:
        return  # the factor can't be read or is missing, or a correction to ADMIN doesn't need the times
    if correction == "NONE" or abs(since["START"] - since["ADMIN"]) < CLEAR_S:
        return
    other = "ADMIN" if correction == "START" else "START"
    if abs(since["factor"] - since[other]) < CLEAR_S / 5 and abs(since["factor"] - since[correction]) > CLEAR_S / 2:
        raise CaseRefused(
            f"DecayCorrection (0054,1102) is {correction}, but DecayFactor (0054,1321) is that of a correction to {other}"
        )


def _seconds_of_correction(slices: list) -> dict[str, float]:
    """Over how many seconds the first frame was corrected: by its DecayFactor, and if it were to START or to ADMIN."""
    first = min(slices, key=lambda dataset: number_or_zero(dataset, "FrameReferenceTime"))
    half_life = half_life_s(administration(first))
    factor, acquired = number_or_zero(first, "DecayFactor"), acquisition_time(first)
    if not UNCORRECTED < factor < math.inf or acquired is None:
        raise CaseRefused("no DecayFactor (0054,1321)")
    reference = series_reference_time(slices, half_life)
    mean_s = mean_activity_offset_s(number_or_zero(first, "ActualFrameDuration") / 1000, half_life)
    return {
        "factor": half_life * math.log2(factor) - mean_s,
        "START": (acquired - reference).total_seconds(),
        "ADMIN": (acquired - injection_time(first, reference, half_life)).total_seconds(),
    }
