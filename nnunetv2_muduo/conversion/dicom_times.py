"""Dates and times of DICOM headers, as the clock at the scanner shows them."""

import re
from datetime import datetime, timedelta

from nnunetv2_muduo.conversion.dicom_tags import MissingTag
from nnunetv2_muduo.imageio.refusal import CaseRefused

_DATE_TIME = re.compile(r"(\d{8})((?:\d{2}){0,3})(?:\.(\d+))?([+-]\d{4})?")
DIGITS_TO_THE_MINUTE = 4
WIDEST_OFFSET = timedelta(hours=14)


def parse_datetime(text: str) -> datetime:
    """A DICOM DT, or DA followed by TM; fractions may be missing, a UTC offset is left out. Raises CaseRefused."""
    date, time, fraction, _ = _parts(text)
    try:
        start = datetime.strptime(date + time.ljust(6, "0"), "%Y%m%d%H%M%S")
    except ValueError as error:
        raise CaseRefused(f"{text!r} is not a DICOM date and time") from error
    return start + timedelta(seconds=float(f"0.{fraction or 0}"))


def text_of(dataset, keyword: str) -> str:
    """Text of a date or time tag, empty where it is missing or blank."""
    return str(dataset.get(keyword) or "").strip(" \0")


def _parts(text: str) -> tuple[str, str, str | None, str | None]:
    """(date, time, fraction of a second, UTC offset) of a DT."""
    found = _DATE_TIME.fullmatch(str(text).strip(" \0"))
    if found is None:
        raise CaseRefused(f"{text!r} is not a DICOM date and time")
    return found.groups()


def tells_the_time(text: str) -> bool:
    """Whether a DT says the time to the minute at least, and not the date alone."""
    return len(_parts(text)[1]) >= DIGITS_TO_THE_MINUTE


def has_unknown_offset(text: str, dataset) -> bool:
    """Whether a DT has a UTC offset, and the data set doesn't say which one the clock at the scanner had."""
    return _parts(text)[3] is not None and not text_of(dataset, "TimezoneOffsetFromUTC")


def local_datetime(text: str, dataset) -> datetime:
    """A DT as the clock at the scanner showed it.

    A value with a UTC offset of its own is moved to the data set's TimezoneOffsetFromUTC; all others are local already
    (DICOM PS3.5 6.2 and PS3.3 C.12.1.1.8).
    """
    local, own = parse_datetime(text), _parts(text)[3]
    scanner = text_of(dataset, "TimezoneOffsetFromUTC")
    if own is None or not scanner:
        return local
    return local - _utc_offset(own, str(text)) + _utc_offset(scanner, "TimezoneOffsetFromUTC (0008,0201)")


def _utc_offset(text: str, name: str) -> timedelta:
    found = re.fullmatch(r"([+-])(\d{2})([0-5]\d)", text)
    if found is None:
        raise CaseRefused(f"{name}: {text!r} is no offset from UTC, +0100 is one")
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    if offset > WIDEST_OFFSET:
        raise CaseRefused(f"{name}: no place on earth is {text} from UTC")
    return -offset if found[1] == "-" else offset


def acquisition_time(dataset) -> datetime | None:
    """Start of a slice's acquisition, None where the header doesn't say. Raises MissingTag for a time without a date."""
    combined, time = text_of(dataset, "AcquisitionDateTime"), text_of(dataset, "AcquisitionTime")
    if not time:
        return local_datetime(combined, dataset) if combined and tells_the_time(combined) else None
    return _with_date(dataset, text_of(dataset, "AcquisitionDate") or combined[:8], time, "SeriesDate", "StudyDate")


def series_time(dataset) -> datetime | None:
    """Date and time of a data set's series, None where the header has no time. Raises MissingTag for one without a date."""
    time = text_of(dataset, "SeriesTime")
    return _with_date(dataset, text_of(dataset, "SeriesDate"), time, "StudyDate", "AcquisitionDate") if time else None


def _with_date(dataset, date: str, time: str, *other_dates: str) -> datetime:
    dates = [date, *(text_of(dataset, keyword) for keyword in other_dates)]
    if not any(dates):
        raise MissingTag(
            "no date: AcquisitionDate (0008,0022), SeriesDate (0008,0021), StudyDate (0008,0020) are missing"
        )
    return parse_datetime(f"{next(filter(None, dates))}{time}")
