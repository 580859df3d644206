"""When the radiopharmaceutical of a PET was injected.

Rule as in the IBSI's manual of SUV computation and its implementations (mirp, Z-Rad): the time from injection to the
scan's reference time lies between -1 hour (the injection into a running dynamic scan) and 2 half-lives. Where that is
less than a day (half-life below 41,400 s = 23 h / 2), the time of day alone tells the date, so that dates that were
shifted when a patient's name was removed do no harm; for longer half-lives the header's date must fit.
"""

import math
from datetime import datetime, timedelta

from nnunetv2_muduo.conversion.dicom_tags import MissingTag, tag_name
from nnunetv2_muduo.conversion.dicom_times import (
    has_unknown_offset,
    local_datetime,
    parse_datetime,
    tells_the_time,
    text_of,
)
from nnunetv2_muduo.conversion.radiopharmaceutical import administration
from nnunetv2_muduo.imageio.refusal import CaseRefused

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DATE_NEEDED_HALF_LIFE_S = 41400
HALF_LIVES = 2
SHORT_HALF_LIVES, SHORT_S = 6, 7200
"""Tracers that live shorter than an hour are imaged later than the rule says (C-11 up to 90 min = 4.4 half-lives): up to
6 half-lives, when 1.6 % of the activity is left, but no longer than 2 hours."""
SAME = timedelta(minutes=1)
"""Two tags that tell the same time may differ by the rounding to minutes,"""
SAME_HALF_LIVES = math.log2(1.01)
"""and by what changes the SUV by 1 %."""


def injection_time(dataset, scan_time: datetime, half_life_s: float, may_follow_scan: bool = True) -> datetime:
    """Time of injection in the date and on the clock of the scan, whose reference time `scan_time` is.

    Raises MissingTag without any time, or without a date where the half-life needs one; CaseRefused where no time that
    the header gives is possible, or where two are and they differ.
    """
    item = administration(dataset)
    times = _stated_times(dataset, item, scan_time, half_life_s)
    if half_life_s < DATE_NEEDED_HALF_LIFE_S:
        times = [_on_the_day_of_scan(time, scan_time) for time in times]
    else:
        _require_one_date(dataset, scan_time)
    earliest, latest = scan_time - longest_uptake(half_life_s), scan_time + (HOUR if may_follow_scan else 0 * HOUR)
    possible = [time for time in times if earliest <= time <= latest]
    if not possible:
        raise _impossible(times[0], scan_time, half_life_s)
    if max(possible) - min(possible) > max(SAME, timedelta(seconds=SAME_HALF_LIVES * half_life_s)):
        raise CaseRefused(
            "RadiopharmaceuticalStartDateTime (0018,1078) and RadiopharmaceuticalStartTime (0018,1072) contradict each "
            f"other: {min(possible):%H:%M:%S} or {max(possible):%H:%M:%S}"
        )
    if scan_time.time() == possible[0].time() == datetime.min.time():
        raise CaseRefused("injection and scan at 00:00:00: the times were blanked, so no SUV")
    return possible[0]


def longest_uptake(half_life_s: float) -> timedelta:
    """Longest time from injection to scan that is believed."""
    return timedelta(seconds=max(HALF_LIVES * half_life_s, min(SHORT_HALF_LIVES * half_life_s, SHORT_S)))


def _stated_times(dataset, item, scan_time: datetime, half_life_s: float) -> list[datetime]:
    """Every time of injection that the header gives; a time of day without a date is put on the day of the scan."""
    text, time_of_day = (text_of(item, f"RadiopharmaceuticalStart{what}") for what in ("DateTime", "Time"))
    complete = bool(text) and tells_the_time(text)
    if not complete and not time_of_day:
        raise MissingTag("RadiopharmaceuticalStartTime (0018,1072) is missing")
    if not text and half_life_s >= DATE_NEEDED_HALF_LIFE_S:
        raise MissingTag(
            "RadiopharmaceuticalStartDateTime (0018,1078) is missing, and the nuclide lives too long to do without a date"
        )
    if not time_of_day:
        return [local_datetime(text, dataset)]
    if not text:
        return [parse_datetime(f"{scan_time:%Y%m%d}{time_of_day}")]
    stated = local_datetime(text, dataset)
    same_day = parse_datetime(f"{stated:%Y%m%d}{time_of_day}")
    if not complete:
        return [same_day]
    nearest = min((same_day - DAY, same_day, same_day + DAY), key=lambda time: abs(time - stated))
    # a value in UTC without the scanner's offset tells the day; the time of day is on the scanner's clock
    return [nearest] if has_unknown_offset(text, dataset) and _is_whole_offset(nearest - stated) else [stated, nearest]


def _require_one_date(dataset, scan_time: datetime) -> None:
    """Raises CaseRefused where the dates of a study are days apart: one of them can't be, and nothing tells which."""
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate"):
        date = text_of(dataset, keyword)
        if date and abs(parse_datetime(date).date() - scan_time.date()) > DAY:
            raise CaseRefused(
                f"{tag_name(keyword)} {date} is days from the scan of {scan_time:%Y%m%d}, and the nuclide lives too long "
                "to do without dates"
            )


def _is_whole_offset(difference: timedelta) -> bool:
    """Whether clocks of two places can differ by this: offsets from UTC are quarters of an hour."""
    quarter = timedelta(minutes=15)
    return abs(difference - round(difference / quarter) * quarter) <= SAME


def _on_the_day_of_scan(time: datetime, scan_time: datetime) -> datetime:
    """The same time of day, within the 24 hours that end an hour after the scan."""
    moved = datetime.combine(scan_time.date(), time.time())
    if moved - scan_time > HOUR:
        return moved - DAY
    return moved + DAY if scan_time - moved >= DAY - HOUR else moved


def _impossible(injected: datetime, scan_time: datetime, half_life_s: float) -> CaseRefused:
    hours = (scan_time - injected) / HOUR
    text = (
        f"{hours:.2f} h or {hours * 3600 / half_life_s:.1f} half-lives from injection to scan, -1 to "
        f"{longest_uptake(half_life_s) / HOUR:.2f} h are possible: injected {injected:%Y-%m-%d %H:%M:%S}, scanned "
        f"{scan_time:%Y-%m-%d %H:%M:%S}; RadiopharmaceuticalStartTime (0018,1072)"
    )
    if half_life_s < DATE_NEEDED_HALF_LIFE_S:
        return CaseRefused(text)
    return MissingTag(
        f"RadiopharmaceuticalStartDateTime (0018,1078) can't be, and the nuclide lives too long to do without its date: {text}"
    )
