"""The time to which a PET series with decay correction START is corrected: the start of the scan.

The series time tells it (DICOM PS3.3 C.8.9.1.1.2), but software that derives a series may alter it. So it is believed
only where the acquisition times and FrameReferenceTime (0054,1300), the time from the reference to the mean activity of
a frame, agree with it (QIBA's and the IBSI's advice); the scanner's own private tag counts more.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from nnunetv2_muduo.conversion.dicom_tags import MissingTag, number_or_zero, required_numbers
from nnunetv2_muduo.conversion.dicom_times import acquisition_time, local_datetime, series_time, tells_the_time, text_of
from nnunetv2_muduo.imageio.refusal import CaseRefused

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SUV_TOLERANCE = 0.005
"""Times agree if the SUV that follows from them differs by less than this share."""
SHORTEST_FRAME_S, LONGEST_FRAME_S = 0.5, 4 * 3600
PRIVATE_TIMES = {"GE": (0x0009, "GEMS_PETD_01", 0x0D), "SIEMENS": (0x0071, "SIEMENS MED PT", 0x22)}
"""Where a scanner writes the time to which it corrected the decay, by manufacturer."""


@dataclass(frozen=True)
class Frame:
    """When one slice was acquired: its start, and how long after the series' reference time, if the header says so."""

    start: datetime
    reference_s: float | None
    duration_s: float


def series_reference_time(slices: list, half_life_s: float) -> datetime:
    """Time to which a series with decay correction START is corrected: the start of its first bed position.

    Raises MissingTag where times are missing, CaseRefused where the times contradict each other.
    """
    frames = [frame for frame in map(_frame, slices) if frame is not None]
    series, scanner = _series_time(slices), scanner_time(slices[0])
    if not frames:
        if scanner is None and series is None:
            raise MissingTag("SeriesTime (0008,0031) and AcquisitionTime (0008,0032) are missing")
        return scanner or series
    tolerance = agreement(half_life_s)
    if scanner is not None:
        _require_no_other_time(scanner, series, frames, slices[0], half_life_s)
        return scanner
    if series is not None and (
        _is_start_of_scan(series, frames, half_life_s) or _is_combined_time(series, slices, tolerance)
    ):
        return series
    _require_consistent(frames, series)
    return _computed_back(frames, slices[0], half_life_s)


def agreement(half_life_s: float) -> timedelta:
    """How far two times may differ, for a difference in SUV that doesn't count."""
    return max(SECOND, timedelta(seconds=SUV_TOLERANCE / math.log(2) * half_life_s))


def mean_activity_offset_s(duration_s: float, half_life_s: float) -> float:
    """When, after its start, a frame's activity equals its mean over the frame."""
    x = math.log(2) / half_life_s * duration_s
    return half_life_s / math.log(2) * math.log(x / -math.expm1(-x)) if x > 0 else 0.0


def frame_duration_s(dataset) -> float:
    """Duration of a slice's frame. Raises MissingTag without one, CaseRefused for one that no frame has."""
    duration_s = required_numbers(dataset, "ActualFrameDuration")[0] / 1000
    if not SHORTEST_FRAME_S <= duration_s <= LONGEST_FRAME_S:
        raise CaseRefused(
            f"ActualFrameDuration (0018,1242) is {1000 * duration_s:g} ms; a frame takes {SHORTEST_FRAME_S:g} to "
            f"{LONGEST_FRAME_S} s"
        )
    return duration_s


def scanner_time(dataset) -> datetime | None:
    """The reference time in the private tag of a GE or Siemens scanner, None where there is none."""
    for group, creator, element in PRIVATE_TIMES.values():
        try:
            text = dataset.private_block(group, creator)[element].value
        except KeyError:
            continue
        text = text.decode(errors="replace") if isinstance(text, bytes) else text
        if text and tells_the_time(text):
            return local_datetime(text, dataset)
    return None


def _frame(dataset) -> Frame | None:
    start = acquisition_time(dataset)
    if start is None:
        return None
    has_reference = dataset.get("FrameReferenceTime") not in (None, "")
    reference_s = number_or_zero(dataset, "FrameReferenceTime") / 1000 if has_reference else None
    return Frame(start, reference_s, number_or_zero(dataset, "ActualFrameDuration") / 1000)


def _first(frames: list[Frame]) -> Frame:
    """The first bed; scanners that write one acquisition time on all beds tell them apart by FrameReferenceTime."""
    return min(frames, key=lambda frame: (frame.start, frame.reference_s or 0.0))


def _series_time(slices: list) -> datetime | None:
    times = {series_time(dataset) for dataset in slices}
    return times.pop() if len(times) == 1 else None  # one tag of a series, so slices that differ were altered


def _is_start_of_scan(series: datetime, frames: list[Frame], half_life_s: float) -> bool:
    """Whether acquisition and frame reference time allow the series time to be the start of the scan."""
    first = _first(frames)
    before = first.start - series
    if abs(before) <= SECOND:
        return True
    if before < -SECOND:
        return False
    if first.reference_s is None:
        return before <= timedelta(seconds=first.duration_s)
    mean_s = mean_activity_offset_s(first.duration_s, half_life_s)
    possible_s = (first.reference_s, first.reference_s - mean_s)  # to the start of the frame, or to its mean activity
    return any(abs(before - timedelta(seconds=s)) <= agreement(half_life_s) for s in possible_s)


def _is_combined_time(series: datetime, slices: list, tolerance: timedelta) -> bool:
    """Whether AcquisitionDateTime (0008,002A) says the same as the series time, where AcquisitionTime doesn't."""
    texts = [text_of(dataset, "AcquisitionDateTime") for dataset in slices]
    if not all(texts) or not all(map(tells_the_time, texts)):
        return False
    return abs(min(map(local_datetime, texts, slices)) - series) <= tolerance


def _require_consistent(frames: list[Frame], series: datetime | None) -> None:
    """Raises CaseRefused where one slice's acquisition time can't be, as the other slices and the series time show."""
    starts, references = {frame.start for frame in frames}, {frame.reference_s for frame in frames}
    if len(starts) > 1 and len(references) > 1 and None not in references:
        origins = [frame.start - timedelta(seconds=frame.reference_s) for frame in frames]
        longest = timedelta(seconds=max(frame.duration_s for frame in frames))
        if max(origins) - min(origins) > longest + MINUTE:
            raise CaseRefused(
                "AcquisitionTime (0008,0032) and FrameReferenceTime (0054,1300) of the slices contradict each other"
            )
    elif series is not None and any(abs(start - series) <= SECOND for start in starts):
        raise CaseRefused(
            f"AcquisitionTime (0008,0032) {min(starts):%H:%M:%S} of a slice is before SeriesTime (0008,0031) "
            f"{series:%H:%M:%S}, at which another slice was acquired"
        )


def _computed_back(frames: list[Frame], dataset, half_life_s: float) -> datetime:
    """Reference time from the start of the first bed and its frame reference time.

    Without the latter it is the start itself. So it is where AcquisitionTime is the series' and not the bed's, which
    shows in beds that share it, and which Philips' series in Bq/ml have (those in counts have the bed's): the reference
    is no more than a frame before the acquisition.
    """
    first = _first(frames)
    if not first.reference_s or first.reference_s < 0:
        return first.start
    before = timedelta(seconds=_start_after_reference_s(first, dataset, half_life_s))
    n_references = len({frame.reference_s for frame in frames if frame.start == first.start})
    if n_references > 1 or (_is_made_by(dataset, "PHILIPS") and dataset.get("Units") == "BQML"):
        return first.start if before > timedelta(seconds=first.duration_s) else first.start - before
    return first.start - before


def _start_after_reference_s(frame: Frame, dataset, half_life_s: float) -> float:
    """From the reference time to a frame's start; GE's FrameReferenceTime is that, others' is to the mean activity."""
    if _is_made_by(dataset, "GE"):
        return frame.reference_s
    frame_duration_s(dataset)
    return max(0.0, frame.reference_s - mean_activity_offset_s(frame.duration_s, half_life_s))


def _is_made_by(dataset, name: str) -> bool:
    return str(dataset.get("Manufacturer", "")).upper().startswith(name)


def _require_no_other_time(
    scanner: datetime, series: datetime | None, frames: list[Frame], dataset, half_life_s: float
):
    """Raises CaseRefused where series, acquisition and frame reference time agree on another time than the scanner's."""
    first, tolerance = _first(frames), agreement(half_life_s)
    if series is None or first.reference_s is None or abs(scanner - series) <= tolerance:
        return
    if (
        _is_start_of_scan(series, frames, half_life_s)
        and abs(_computed_back(frames, dataset, half_life_s) - series) <= tolerance
    ):
        raise CaseRefused(
            f"the scanner's own time {scanner:%H:%M:%S} contradicts SeriesTime (0008,0031), AcquisitionTime (0008,0032) "
            f"and FrameReferenceTime (0054,1300), which agree on {series:%H:%M:%S}"
        )
