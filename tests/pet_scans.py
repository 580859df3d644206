"""Real-looking PET/CT series of several makers for tests, small, but with the mass and the uptake of a body."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
from dicom_writer import write_series
from pet_header import code

SHAPE, SPACING_MM = (10, 16, 16), (30.0, 30.0, 60.0)
WEIGHT_KG, DOSE_BQ, DOSE_SHARE = 70, 350e6, 0.7
STEP_S, FRAME_S = 243, 240
INJECTION = "RadiopharmaceuticalInformationSequence"
F18_S, GA68_S = 6586.2, 4062.0


@dataclass(frozen=True)
class Scan:
    """A series as one maker writes it: when it started, how long after the injection, and what its header tells."""

    name: str
    maker: str
    start: datetime
    uptake: timedelta
    half_life_s: float = F18_S
    offset: str | None = None
    correction: str = "START"

    @property
    def suv_per_bqml(self) -> float:
        """At the time to which the activity is corrected: of the first bed, as there is one factor for all."""
        seconds = 0 if self.correction == "ADMIN" else self.uptake.total_seconds()
        return 1000 * WEIGHT_KG / DOSE_BQ * 2 ** (seconds / self.half_life_s)


HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SCANS = (
    Scan("Siemens", "SIEMENS", datetime(2023, 1, 2, 11), HOUR),
    Scan("GE", "GE MEDICAL SYSTEMS", datetime(2023, 1, 2, 11), HOUR),
    Scan("Philips", "Philips Medical Systems", datetime(2023, 1, 2, 11), 70 * MINUTE, offset="+0800"),
    Scan("midnight", "SIEMENS", datetime(2023, 1, 3, 0, 20), 65 * MINUTE, offset="-0330"),
    Scan("Ga-68", "GE MEDICAL SYSTEMS", datetime(2023, 1, 2, 14), 60 * MINUTE, GA68_S),
    Scan("ADMIN", "SIEMENS", datetime(2023, 1, 2, 11), HOUR, correction="ADMIN"),
)


def body() -> np.ndarray:
    """An ellipsoid of about 70 l (z, y, x)."""
    z, y, x = (np.linspace(-1, 1, n) for n in SHAPE)
    return (z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2) < 1


def true_suv() -> np.ndarray:
    """SUV (z, y, x): a body that holds 0.7 of the dose, two hot organs, and little around it."""
    suv = np.where(body(), np.random.default_rng(0).gamma(4, 0.25, SHAPE), 0.001)
    suv[3:5, 6:8, 6:9] = 6
    suv[7, 8, 8] = 12
    return suv * DOSE_SHARE * 1000 * WEIGHT_KG / (suv.sum() * np.prod(SPACING_MM) / 1000)


def write_scan(folder: Path, scan: Scan) -> np.ndarray:
    """Write PET and CT of a scan. Returns the SUV (z, y, x) that its stored values stand for."""
    activity = true_suv() / scan.suv_per_bqml
    slopes = activity.reshape(len(activity), -1).max(axis=1) / 30000
    stored = np.rint(activity / slopes[:, None, None]).astype(np.int16)
    slopes = np.array([float(f"{slope:.9g}") for slope in slopes])
    geometry = {"spacing_mm": SPACING_MM, "origin_mm": (-225.0, -225.0, -270.0)}
    write_series(folder / "pet", stored, series="PET", slopes=slopes, **geometry)
    hu = np.where(body(), 40, -1000) + np.random.default_rng(1).integers(-20, 20, SHAPE)
    write_series(folder / "ct", hu.astype(np.int16), modality="CT", series="CT", **geometry)
    for path in (folder / "pet").iterdir():
        dataset = pydicom.dcmread(path)
        tag_slice(dataset, scan, round((dataset.ImagePositionPatient[2] + 270) / SPACING_MM[2]))
        dataset.save_as(path)
    return stored * slopes[:, None, None] * scan.suv_per_bqml


def tag_slice(dataset, scan: Scan, index: int) -> None:
    """The header of one slice; two slices make a bed."""
    is_ge = scan.maker.startswith("GE")
    begin_s = STEP_S * (index // 2)
    rate = np.log(2) / scan.half_life_s
    mean_s = np.log(rate * FRAME_S / -np.expm1(-rate * FRAME_S)) / rate
    start = scan.start + timedelta(seconds=0 if is_ge else begin_s)
    since_s = begin_s + mean_s + (scan.uptake.total_seconds() if scan.correction == "ADMIN" else 0)
    tags = {
        "Manufacturer": scan.maker,
        "DecayCorrection": scan.correction,
        "PatientWeight": WEIGHT_KG,
        "PatientSize": 1.75,
        "PatientSex": "F",
        "StudyDate": f"{scan.start:%Y%m%d}",
        "SeriesDate": f"{scan.start:%Y%m%d}",
        "SeriesTime": f"{scan.start:%H%M%S}.000",
        "AcquisitionDate": f"{start:%Y%m%d}",
        "AcquisitionTime": f"{start:%H%M%S}.00",
        "AcquisitionDateTime": f"{start:%Y%m%d%H%M%S}.00",
        "FrameReferenceTime": f"{1000 * (begin_s + (0 if is_ge else mean_s)):.3f}",
        "ActualFrameDuration": 1000 * FRAME_S,
        "DecayFactor": f"{np.exp(rate * since_s):.6f}",
        "NumberOfSlices": SHAPE[0],
        "TimezoneOffsetFromUTC": scan.offset,
    }
    for keyword, value in tags.items():
        if value is not None:
            setattr(dataset, keyword, value)
    if is_ge:
        block = dataset.private_block(0x0009, "GEMS_PETD_01", create=True)
        block.add_new(0x0D, "DT", f"{scan.start:%Y%m%d%H%M%S}.00")
    injected = scan.start - scan.uptake
    item = dataset[INJECTION].value[0]
    item.RadiopharmaceuticalStartTime = f"{injected:%H%M%S}.00"
    item.RadiopharmaceuticalStartDateTime = f"{injected:%Y%m%d%H%M%S}.00"
    item.RadionuclideTotalDose, item.RadionuclideHalfLife = DOSE_BQ, scan.half_life_s
    item.RadionuclideCodeSequence = code("C-111A1", "^18^Fluorine") if scan.half_life_s == F18_S else code("C-131A3")
