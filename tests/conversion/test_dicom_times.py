"""Dates and times as DICOM writes them."""

from datetime import datetime

import pytest

pydicom = pytest.importorskip("pydicom")

from nnunetv2_muduo.conversion.dicom_tags import MissingTag  # noqa: E402
from nnunetv2_muduo.conversion.dicom_times import (  # noqa: E402
    acquisition_time,
    has_unknown_offset,
    local_datetime,
    parse_datetime,
    series_time,
    tells_the_time,
)
from nnunetv2_muduo.imageio.refusal import CaseRefused  # noqa: E402


def dataset(**tags):
    made = pydicom.Dataset()
    for keyword, value in tags.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize(
    ("text", "scanner", "expected"),
    [
        ("20230102020000+0000", "+0800", datetime(2023, 1, 2, 10)),
        ("20230101235930.5-1200", "+1400", datetime(2023, 1, 3, 1, 59, 30, 500000)),
        ("20230102100000+0100", None, datetime(2023, 1, 2, 10)),
        ("20230102100000", "+0100", datetime(2023, 1, 2, 10)),
    ],
)
def test_values_are_moved_to_the_scanners_clock(text, scanner, expected):
    tags = {"TimezoneOffsetFromUTC": scanner} if scanner else {}
    assert local_datetime(text, dataset(**tags)) == expected
    assert has_unknown_offset(text, dataset(**tags)) == (scanner is None)


@pytest.mark.parametrize(
    "text", ["2023", "202301", "2023010", "202301021", "20231301", "20230102-05", "2023-01-02", ""]
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(CaseRefused, match="not a DICOM date"):
        parse_datetime(text)


def test_whether_a_value_tells_the_time():
    assert [tells_the_time(text) for text in ("20230102", "2023010210", "202301021000", "20230102100000.1+0000")] == [
        False,
        False,
        True,
        True,
    ]


def test_dates_of_other_tags_complete_a_time():
    assert series_time(dataset(SeriesTime="1100", StudyDate="20230102")) == datetime(2023, 1, 2, 11)
    tags = {"AcquisitionTime": "110000", "SeriesDate": "20230103"}
    assert acquisition_time(dataset(**tags)) == datetime(2023, 1, 3, 11)
    assert acquisition_time(dataset(**tags, AcquisitionDateTime="20230102090000")) == datetime(2023, 1, 2, 11)
    assert acquisition_time(dataset(**tags, AcquisitionDate="20230101")) == datetime(2023, 1, 1, 11)
    assert acquisition_time(dataset(AcquisitionDateTime="20230102")) is None
    assert acquisition_time(dataset()) is series_time(dataset()) is None
    with pytest.raises(MissingTag, match="no date"):
        series_time(dataset(SeriesTime="110000"))
