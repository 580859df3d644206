"""Factor from a PET's stored values to SUV by body weight (SUVbw, g/ml), from its DICOM header.

SUVbw = activity (Bq/ml) * weight (g) / dose (Bq) decayed to the time to which the voxels were decay-corrected
(`reference_time`, `injection`). Which units and normalizations there are: DICOM PS3.3 C.8.9.1.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nnunetv2_muduo.conversion.body_size import patient_weight_kg, to_body_weight
from nnunetv2_muduo.conversion.decay_correction import require_agreeing_decay_factor, required_correction
from nnunetv2_muduo.conversion.dicom_tags import MissingTag, required
from nnunetv2_muduo.conversion.dicom_times import acquisition_time, parse_datetime, series_time
from nnunetv2_muduo.conversion.header_check import require_usable_headers
from nnunetv2_muduo.conversion.injection import injection_time
from nnunetv2_muduo.conversion.radiopharmaceutical import administration, dose_bq, half_life_s
from nnunetv2_muduo.conversion.reference_time import (
    agreement,
    frame_duration_s,
    mean_activity_offset_s,
    series_reference_time,
)
from nnunetv2_muduo.imageio.refusal import CaseRefused

__all__ = [
    "DOSE_KEY",
    "UPTAKE_KEY",
    "WEIGHT_KEY",
    "MissingTag",
    "Scaling",
    "injection_time",
    "parse_datetime",
    "suv_scaling",
]

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
    are none that can become SUVbw, a value is implausible, or tags contradict each other.
    """
    require_usable_headers(slices)
    first = slices[0]
    units = required(first, "Units")
    if units == "CNTS":
        return _philips_scaling(slices)
    if units == "BQML":
        return _activity_scaling(slices)
    if units in ("GML", "CM2ML"):
        return _suv_units_scaling(slices, units)
    raise CaseRefused(f"PET in units of {units!r}, known are BQML, CNTS, GML and CM2ML: Units (0054,1001)")


def _suv_units_scaling(slices: list, units: str) -> Scaling:
    suv_type = slices[0].get("SUVType") or {"GML": "BW", "CM2ML": "BSA"}[units]
    if (suv_type == "BSA") != (units == "CM2ML"):
        raise CaseRefused(f"Units (0054,1001) {units} contradict SUVType (0054,1006) {suv_type}")
    if suv_type == "BW":
        return _with_known_facts(Scaling((1.0,) * len(slices), "GML: already SUVbw"), slices)
    factors = (to_body_weight(slices[0], suv_type),) * len(slices)
    return _with_known_facts(Scaling(factors, f"{units}: SUVbw from SUV by {suv_type}"), slices)


def _philips_scaling(slices: list) -> Scaling:
    suv_factors = [_philips_value(dataset, PHILIPS_SUV_FACTOR) for dataset in slices]
    if (
        all(suv_factors) and slices[0].get("DecayCorrection") != "NONE"
    ):  # one factor can't correct frames for their decay
        return _with_known_facts(Scaling(tuple(suv_factors), "CNTS times Philips' SUV factor (7053,1000)"), slices)
    activity_factors = [_philips_value(dataset, PHILIPS_ACTIVITY_FACTOR) for dataset in slices]
    if not all(activity_factors):
        raise MissingTag(
            "PET in counts without Philips' SUV factor (7053,1000), for decay corrected counts, or activity factor (7053,1009)"
        )
    scaling = _activity_scaling(slices)
    factors = tuple(a * b for a, b in zip(activity_factors, scaling.factors, strict=True))
    explanation = f"CNTS times Philips' activity factor (7053,1009), {scaling.explanation}"
    return replace(scaling, factors=factors, explanation=explanation)


def _philips_value(dataset, element: int) -> float:
    """A private factor of Philips', 0 where it is missing. Raises CaseRefused where it can't be a factor."""
    for block in range(0x10, 0x20):
        found = dataset.get((PHILIPS_GROUP, block << 8 | element))
        if found is None or found.value in (None, "", b""):
            continue
        text = found.value.decode(errors="replace") if isinstance(found.value, bytes) else str(found.value)
        try:
            factor = float(text.strip(" \0"))
        except ValueError:
            factor = math.nan
        if not 0 <= factor < math.inf:
            raise CaseRefused(f"Philips' factor (7053,10{element:02x}) is {text!r}")
        return factor
    return 0.0


def _activity_scaling(slices: list) -> Scaling:
    first = slices[0]
    weight_kg, item = patient_weight_kg(first), administration(first)
    dose = dose_bq(item)
    correction = next(
        iter({required_correction(dataset) for dataset in slices})
    )  # one, as the headers were checked for
    scaling = Scaling((), f"BQML, decay correction {correction}", weight_kg, dose / 1e6)
    if correction == "ADMIN":
        require_agreeing_decay_factor(slices, correction)
        factors = (1000 * weight_kg / dose,) * len(slices)
        explanation = "BQML, decay corrected to administration"
        return replace(
            scaling, factors=factors, explanation=explanation, uptake_minutes=_known(_uptake_minutes, slices)
        )
    half_life = half_life_s(item)
    if correction == "START":
        scan_times = [series_reference_time(slices, half_life)] * len(slices)
    else:
        scan_times = [_mean_activity_time(dataset, half_life) for dataset in slices]
    injected = injection_time(first, min(scan_times), half_life, may_follow_scan=correction == "START")
    require_agreeing_decay_factor(slices, correction)
    factors = tuple(1000 * weight_kg / dose * 2 ** ((t - injected).total_seconds() / half_life) for t in scan_times)
    minutes = (min(scan_times) - injected).total_seconds() / 60
    note = f"{scaling.explanation}, {minutes:.1f} min after injection{_doubt(slices, min(scan_times), half_life)}"
    return replace(scaling, factors=factors, explanation=note, uptake_minutes=minutes)


def _doubt(slices: list, scan_time: datetime, half_life: float) -> str:
    """What a reader of the report should know: that the series time of the header wasn't used."""
    series = series_time(slices[0])
    differs = series is not None and abs(series - scan_time) > agreement(half_life)
    return "; SeriesTime not believed" if differs and required(slices[0], "DecayCorrection") == "START" else ""


def _mean_activity_time(dataset, half_life: float) -> datetime:
    acquired = acquisition_time(dataset)
    if acquired is None:
        raise MissingTag("AcquisitionTime (0008,0032) is missing")
    return acquired + timedelta(seconds=mean_activity_offset_s(frame_duration_s(dataset), half_life))


def _uptake_minutes(slices: list) -> float:
    half_life = half_life_s(administration(slices[0]))
    scan_time = series_reference_time(slices, half_life)
    return (scan_time - injection_time(slices[0], scan_time, half_life)).total_seconds() / 60


def _with_known_facts(scaling: Scaling, slices: list) -> Scaling:
    """The facts of a series whose factor doesn't need them, those that the header tells credibly."""
    dose = _known(lambda: dose_bq(administration(slices[0])))
    return replace(
        scaling,
        weight_kg=_known(patient_weight_kg, slices[0]),
        dose_mbq=None if dose is None else dose / 1e6,
        uptake_minutes=_known(_uptake_minutes, slices),
    )


def _known(function, *arguments):
    """What a function finds in a header, None where it refuses it."""
    try:
        return function(*arguments)
    except CaseRefused:
        return None
