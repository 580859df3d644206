"""Factor from a PET's stored values to SUV by body weight (SUVbw, g/ml), from its DICOM header.

SUVbw = activity (Bq/ml) * weight (g) / dose (Bq) decayed to the time to which the voxels were decay-corrected. Which time
that is follows DICOM PS3.3 C.8.9.1.1.2 (Decay Correction) and the QIBA profile's advice for altered series times.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nnunetv2_muduo.conversion.dicom_tags import (
    MissingTag,
    number_or_zero,
    parse_datetime,
    positive_number,
    required,
)
from nnunetv2_muduo.imageio.refusal import CaseRefused

LOWEST_DOSE_BQ = 1e6
LONG_HALF_LIFE_S = 24 * 3600
MAX_HALF_LIVES = 10
GE_CREATOR, GE_SCAN_DATETIME = "GEMS_PETD_01", (0x0009, 0x0D)
WEIGHT_KEY, DOSE_KEY, UPTAKE_KEY = "weight_kg", "dose_mbq", "uptake_minutes"
"""Meta data of a PET image in SUV: what its header says, a key is absent where it says nothing."""
PHILIPS_GROUP, PHILIPS_SUV_FACTOR, PHILIPS_ACTIVITY_FACTOR = 0x7053, 0x00, 0x09


@dataclass(frozen=True)
class Scaling:
    """Factor per slice from a PET's rescaled values to SUVbw, in words where it comes from, and the header's facts.

    A fact is None where the factor doesn't need it and the header doesn't tell it.
    """

    factors: tuple[float, ...]
    explanation: str
    weight_kg: float | None = None
    dose_mbq: float | None = None
    uptake_minutes: float | None = None

    def facts(self) -> dict[str, str]:
        """Meta data of an image: the facts that are known, as text under their keys."""
        values = {WEIGHT_KEY: self.weight_kg, DOSE_KEY: self.dose_mbq, UPTAKE_KEY: self.uptake_minutes}
        return {key: f"{value:g}" for key, value in values.items() if value is not None}


def suv_scaling(slices: list) -> Scaling:
    """Factors to SUVbw for the pydicom data sets of one PET series, in the order of the slices.

    Raises MissingTag where weight, dose, a time or the kind of decay correction is missing, CaseRefused where the units
    are none that can become SUVbw, or a value is implausible.
    """
    first = slices[0]
    units = required(first, "Units")
    if units == "GML":
        if first.get("SUVType", "BW") not in ("BW", ""):
            raise CaseRefused(f"SUV normalized by {first.SUVType}, not by body weight: SUVType (0054,1006)")
        return Scaling((1.0,) * len(slices), "GML: already SUVbw")
    if units == "CNTS":
        return _philips_scaling(slices)
    if units == "BQML":
        return _activity_scaling(slices)
    raise CaseRefused(f"PET in units of {units!r}, known are BQML, CNTS and GML: Units (0054,1001)")


def _philips_scaling(slices: list) -> Scaling:
    suv_factors = [_philips_value(dataset, PHILIPS_SUV_FACTOR) for dataset in slices]
    if all(suv_factors):
        return Scaling(tuple(suv_factors), "CNTS times Philips' SUV factor (7053,1000)")
    activity_factors = [_philips_value(dataset, PHILIPS_ACTIVITY_FACTOR) for dataset in slices]
    if not all(activity_factors):
        raise MissingTag("PET in counts without Philips' SUV factor (7053,1000) or activity factor (7053,1009)")
    scaling = _activity_scaling(slices)
    factors = tuple(a * b for a, b in zip(activity_factors, scaling.factors, strict=True))
    explanation = f"CNTS times Philips' activity factor (7053,1009), {scaling.explanation}"
    return replace(scaling, factors=factors, explanation=explanation)


def _philips_value(dataset, element: int) -> float:
    for block in range(0x10, 0x20):
        found = dataset.get((PHILIPS_GROUP, block << 8 | element))
        if found is not None and found.value not in (None, "", b""):
            value = found.value.decode() if isinstance(found.value, bytes) else found.value
            return float(str(value).strip(" \0"))
    return 0.0


def _activity_scaling(slices: list) -> Scaling:
    first = slices[0]
    weight_g = 1000 * positive_number(first, "PatientWeight")
    radiopharmaceutical = required(first, "RadiopharmaceuticalInformationSequence")[0]
    dose_bq = positive_number(radiopharmaceutical, "RadionuclideTotalDose")
    if dose_bq < LOWEST_DOSE_BQ:
        raise CaseRefused(f"RadionuclideTotalDose (0018,1074) is {dose_bq:g}, Bq expected (is it MBq?)")
    correction = required(first, "DecayCorrection")
    if correction == "ADMIN":
        factors = (weight_g / dose_bq,) * len(slices)
        return Scaling(factors, "BQML, decay corrected to administration", weight_g / 1000, dose_bq / 1e6)
    half_life_s = positive_number(radiopharmaceutical, "RadionuclideHalfLife")
    if correction == "START":
        scan_times = [series_reference_time(slices, half_life_s)] * len(slices)
    elif correction == "NONE":
        scan_times = [_mean_activity_time(dataset, half_life_s) for dataset in slices]
    else:
        raise CaseRefused(f"DecayCorrection (0054,1102) is {correction!r}, known are START, ADMIN and NONE")
    injected = injection_time(radiopharmaceutical, min(scan_times), half_life_s)
    factors = tuple(weight_g / dose_bq * 2 ** ((t - injected).total_seconds() / half_life_s) for t in scan_times)
    minutes = (min(scan_times) - injected).total_seconds() / 60
    explanation = f"BQML, decay correction {correction}, {minutes:.1f} min after injection"
    return Scaling(factors, explanation, weight_g / 1000, dose_bq / 1e6, minutes)


def series_reference_time(slices: list, half_life_s: float) -> datetime:
    """Time to which a series with decay correction START is corrected: the start of its first bed position.

    That is the series time. A series time after the first acquisition was altered later; then GE's private scan time, or
    the time computed back from the first acquisition and its frame reference time.
    """
    first = min(slices, key=lambda dataset: acquisition_time(dataset) or datetime.max)
    acquired, series = acquisition_time(first), _date_time(first, "Series")
    if series is not None and (acquired is None or series <= acquired + timedelta(seconds=1)):
        return series
    if acquired is None:
        raise MissingTag("SeriesTime (0008,0031) and AcquisitionTime (0008,0032) are missing")
    return _ge_scan_time(first) or _computed_back(first, acquired, half_life_s)


def _ge_scan_time(dataset) -> datetime | None:
    group, element = GE_SCAN_DATETIME
    try:
        return parse_datetime(dataset.private_block(group, GE_CREATOR)[element].value)
    except KeyError:
        return None


def _computed_back(dataset, acquired: datetime, half_life_s: float) -> datetime:
    reference_ms = number_or_zero(dataset, "FrameReferenceTime")
    if reference_ms <= 0:
        return acquired
    is_ge = str(dataset.get("Manufacturer", "")).upper().startswith("GE")
    mean_s = 0.0 if is_ge else _mean_activity_offset_s(dataset, half_life_s)
    return acquired - timedelta(seconds=reference_ms / 1000 - mean_s)


def _mean_activity_offset_s(dataset, half_life_s: float) -> float:
    """When, after its start, a frame's activity equals its mean over the frame."""
    x = math.log(2) / half_life_s * number_or_zero(dataset, "ActualFrameDuration") / 1000
    return half_life_s / math.log(2) * math.log(x / -math.expm1(-x)) if x > 0 else 0.0


def _mean_activity_time(dataset, half_life_s: float) -> datetime:
    acquired = acquisition_time(dataset)
    if acquired is None:
        raise MissingTag("AcquisitionTime (0008,0032) is missing")
    return acquired + timedelta(seconds=_mean_activity_offset_s(dataset, half_life_s))


def injection_time(radiopharmaceutical, scan_time: datetime, half_life_s: float) -> datetime:
    """Time of injection. A date that can't be is ignored; a time of day after the scan is of the day before.

    Raises MissingTag without any time, or without a date where the isotope lives for days.
    """
    text = radiopharmaceutical.get("RadiopharmaceuticalStartDateTime")
    if text:
        injected = parse_datetime(text)
        if timedelta(0) <= scan_time - injected <= timedelta(seconds=MAX_HALF_LIVES * half_life_s):
            return injected
    if half_life_s > LONG_HALF_LIFE_S:
        raise MissingTag(
            "RadiopharmaceuticalStartDateTime (0018,1078) is missing or can't be, and the isotope lives long"
        )
    time_of_day = radiopharmaceutical.get("RadiopharmaceuticalStartTime") or str(text or "")[8:]
    if not time_of_day:
        raise MissingTag("RadiopharmaceuticalStartTime (0018,1072) is missing")
    injected = parse_datetime(f"{scan_time:%Y%m%d}{time_of_day}")
    return injected if injected <= scan_time else injected - timedelta(days=1)


def acquisition_time(dataset) -> datetime | None:
    """Start of a slice's acquisition, None where the header doesn't say."""
    return _date_time(dataset, "Acquisition")


def _date_time(dataset, what: str) -> datetime | None:
    date = dataset.get(f"{what}Date") or dataset.get("SeriesDate") or dataset.get("StudyDate")
    time = dataset.get(f"{what}Time")
    return parse_datetime(f"{date}{time}") if date and time else None
