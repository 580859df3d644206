"""Changes of one tag of a PET header, drawn by hypothesis: lies, and the same truth in other words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from hypothesis import strategies as st
from pet_header import code
from pet_scans import DOSE_BQ, INJECTION, WEIGHT_KG, Scan


@dataclass(frozen=True)
class Change:
    """A new value of one tag, None to take it away, on all slices or on one; whether it still tells the truth."""

    keyword: str
    value: object
    is_true: bool = False
    on_one_slice: bool = False
    of_injection: bool = False

    def apply(self, dataset) -> None:
        target = dataset[INJECTION].value[0] if self.of_injection else dataset
        if self.value is None:
            target.pop(self.keyword, None)
        elif isinstance(self.value, str) and self.keyword in NUMERIC:  # text in a field for numbers
            target.add_new(self.keyword, "LO", self.value)
        else:
            setattr(target, self.keyword, self.value)


NUMERIC = ("PatientWeight", "PatientSize", "RadionuclideTotalDose", "RadionuclideHalfLife", "RescaleSlope")
JUNK = st.sampled_from([None, "", "unknown", "0", "-1", "NaN", "inf", "1e99"])
DATES = st.one_of(st.none(), st.just(""), st.dates(datetime(1900, 1, 1).date()).map("{:%Y%m%d}".format))
TIMES = st.one_of(st.sampled_from([None, "", "000000", "2560", "noon"]), st.times().map("{:%H%M%S}".format))
OFFSETS = st.one_of(
    st.sampled_from(["", "Z", "+9999", "0800"]),
    st.builds("{}{:02d}{:02d}".format, st.sampled_from("+-"), st.integers(0, 14), st.sampled_from([0, 15, 30, 45])),
)
NUMBERS = st.floats(-1e9, 1e9).map(lambda number: float(f"{number:.6g}"))


def lies(keyword, values, **options):
    return values.map(lambda value: Change(keyword, value, **options))


def far_from(value: float, at_least: float):
    """Values that are off by a factor, or have the wrong sign."""
    factors = st.floats(np.log(at_least), 25).map(np.exp)
    return st.one_of(
        factors.map(lambda f: value * f), factors.map(lambda f: value / f), st.just(0.0), st.just(-value)
    ).map(lambda number: float(f"{number:.6g}"))


def is_no_dose_in_mbq(value: float) -> bool:
    """Whether a dose can't be in MBq; if it can, it is one that somebody gets, and nothing tells that it is another's."""
    return not 60 < value < 2000


def is_no_weight_in_g(value: float) -> bool:
    """Whether a weight can't be in g; if it can, somebody may have it."""
    return not 10000 < value < 320000


def lies_about(scan: Scan):
    """Every change of one tag after which the header lies (or tells the truth by chance)."""
    near_half_life = st.floats(0.5, 2).map(lambda f: f * scan.half_life_s)
    moments = st.datetimes(datetime(2022, 12, 30), datetime(2023, 1, 6)).map("{:%Y%m%d%H%M%S}".format)
    injection = {"of_injection": True}
    one = {"on_one_slice": True}
    units = st.sampled_from(["GML", "CM2ML", "CNTS", "PROPCPS", "MGMINML", "PCNT", "", None, "bqml", "KBQML"])
    corrected = st.sampled_from([["DECY"], ["ATTN"], ["NORM", "SCAT"], "DTIM"])
    return st.one_of(
        *(lies(keyword, DATES) for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate")),
        *(lies(keyword, TIMES, **options) for keyword in ("SeriesTime", "AcquisitionTime") for options in ({}, one)),
        lies("AcquisitionDateTime", st.one_of(DATES, moments)),
        lies("TimezoneOffsetFromUTC", OFFSETS),
        lies("RadiopharmaceuticalStartTime", TIMES, **injection),
        lies(
            "RadiopharmaceuticalStartDateTime",
            st.one_of(DATES, moments, st.builds(str.__add__, moments, OFFSETS)),
            **injection,
        ),
        lies("FrameReferenceTime", st.one_of(NUMBERS, st.just(""), st.none())),
        lies("ActualFrameDuration", st.one_of(st.integers(-1000, 10**9), st.none())),
        lies("DecayFactor", st.one_of(st.floats(0, 20), st.just(""), st.none())),
        lies("Units", units),
        lies("Units", units, **one),
        lies("SUVType", st.sampled_from(["BW", "LBM", "BSA", "IBW", ""])),
        lies("DecayCorrection", st.sampled_from(["START", "ADMIN", "NONE", "", None, "FRAME"])),
        lies("CorrectedImage", corrected),
        lies("PatientWeight", st.one_of(far_from(WEIGHT_KG, 9).filter(is_no_weight_in_g), JUNK)),
        lies("PatientWeight", st.floats(2, 300).map(lambda kg: round(kg, 1)), **one),
        lies("PatientSize", st.one_of(far_from(1.75, 1.2), JUNK)),
        lies("PatientSex", st.sampled_from(["M", "O", "", None])),
        lies("RadionuclideTotalDose", st.one_of(far_from(DOSE_BQ, 8).filter(is_no_dose_in_mbq), JUNK), **injection),
        lies("RadionuclideTotalDose", st.floats(1e7, 1e9), **injection, **one),
        lies("RadionuclideHalfLife", st.one_of(near_half_life, far_from(scan.half_life_s, 2), JUNK), **injection),
        lies(
            "RadionuclideCodeSequence", st.sampled_from(["C-111A1", "C-131A3", "C-105A1", "x"]).map(code), **injection
        ),
        lies("RescaleSlope", st.one_of(st.sampled_from([0.0, -1.0, 1e6, 1e-9]), JUNK)),
        lies("RescaleSlope", st.sampled_from([0.0, -1.0, 1e9, 1e-9]), **one),
        lies("RescaleIntercept", st.sampled_from([-1e5, 1e6, float("nan")])),
        *(lies(keyword, st.integers(0, 300)) for keyword in ("NumberOfSlices", "NumberOfFrames", "NumberOfTimeSlices")),
        lies("NumberOfSlices", st.integers(0, 300), **one),
    )


def truths_about(scan: Scan):
    """Changes of one tag that say the same in other words, or that other tags outweigh by rule."""
    injected = scan.start - scan.uptake
    zones = st.integers(-48, 56).map(lambda quarters: timedelta(minutes=15 * quarters))
    here = _offset(scan.offset or "+0000")
    moved = (
        zones.map(lambda zone: f"{injected - here + zone:%Y%m%d%H%M%S}{_sign(zone)}") if scan.offset else st.nothing()
    )
    shifted = st.integers(-20000, 20000).map(lambda days: f"{injected + timedelta(days=days):%Y%m%d%H%M%S}")
    later = st.integers(90, 400).map(lambda minutes: f"{scan.start + timedelta(minutes=minutes):%H%M%S}")
    injection, true = {"of_injection": True, "is_true": True}, {"is_true": True}
    return st.one_of(
        lies("RadiopharmaceuticalStartDateTime", st.one_of(moved, shifted), **injection),
        lies("RadiopharmaceuticalStartDateTime", st.sampled_from([None, "", f"{injected:%Y%m%d}"]), **injection),
        lies("RadiopharmaceuticalStartTime", st.sampled_from([None, "", f"{injected:%H%M}"]), **injection),
        lies("SeriesTime", st.one_of(st.none(), later.filter(lambda text: text > f"{scan.start:%H%M%S}")), **true),
        lies("PatientWeight", st.sampled_from([70000, "70000", "70.0 "]), **true),
        lies("PatientSize", st.sampled_from([None, "", 175, 0]), **true),
        lies("RadionuclideTotalDose", st.sampled_from([350, "350.0", "3.5E+08"]), **injection),
        lies("RadionuclideCodeSequence", st.just(None), **injection),
        lies("StudyDate", st.sampled_from([None, ""]), **true),
        *(
            lies(keyword, st.none(), **true)
            for keyword in ("AcquisitionDateTime", "DecayFactor", "NumberOfSlices", "CorrectedImage")
        ),
    )


def _offset(text: str) -> timedelta:
    sign = -1 if text[0] == "-" else 1
    return sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:]))


def _sign(zone: timedelta) -> str:
    minutes = int(abs(zone).total_seconds() // 60)
    return f"{'-' if zone < timedelta(0) else '+'}{minutes // 60:02d}{minutes % 60:02d}"
