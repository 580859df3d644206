"""When the dose was injected: dates that are missing or shifted, UTC offsets, and times that can't be."""

import pytest

pytest.importorskip("pydicom")
from pet_header import decayed, factor, header

from nnunetv2_muduo.conversion.dicom_tags import MissingTag
from nnunetv2_muduo.conversion.suv import suv_scaling
from nnunetv2_muduo.imageio.refusal import CaseRefused

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")
CU64_S, ZR89_S, C11_S, GA68_S, RB82_S = 45720.0, 282240.0, 1221.8, 4062.0, 76.0


def at(time=None, moment=None, half_life_s=None):
    """Tags of an injection at a time of day, or a date with time."""
    tags = {"RadiopharmaceuticalStartTime": time, "RadiopharmaceuticalStartDateTime": moment}
    return tags | ({"RadionuclideHalfLife": half_life_s} if half_life_s else {})


def refused(*arguments, match=None, **tags):
    with pytest.raises(CaseRefused, match=match):
        suv_scaling([header(*arguments, **tags)])


@pytest.mark.parametrize(
    ("moment", "scanner"),
    [
        ("20230102020000+0000", "+0800"),
        ("20230102150000.25+0000", "-0500"),
        ("20230102100000", "+0800"),
        ("20230102100000+0545", "+0545"),
        ("20230102110000+0900", "+0800"),
        ("20230102000000-0200", "+0800"),
        ("20230101233000-0330", "+0700"),
        ("20230102100000+0100", None),
    ],
)
@pytest.mark.parametrize("time", ["100000", None])
def test_utc_offsets_count_in_both_directions(moment, scanner, time):
    assert factor(header(at(time, moment), TimezoneOffsetFromUTC=scanner)) == pytest.approx(decayed(1), rel=1e-4)


def test_value_in_utc_leaves_the_clock_to_the_time_of_day_if_the_scanner_has_no_offset():
    assert factor(header(at("100000", "20230102020000+0000"))) == pytest.approx(decayed(1))
    zirconium = header(at("100000", "20221230233000+0000", ZR89_S))  # 10:00 of the next day, 10.5 h east
    assert factor(zirconium) == pytest.approx(decayed(49, ZR89_S))
    refused(at(None, "20230102020000+0000"), match="half-lives")


@pytest.mark.parametrize("offset", ["0800", "UTC", "+1500", "+0875", "Europe/Paris"])
def test_offsets_that_are_none_are_refused(offset):
    refused(at(None, "20230102020000+0000"), TimezoneOffsetFromUTC=offset, match=r"0008,0201")


@pytest.mark.parametrize("moment", ["20230102", "2023010210", "20221224", " "])
def test_date_without_time_leaves_the_time_to_the_time_of_day(moment):
    assert factor(header(at("100000", moment))) == pytest.approx(decayed(1))


def test_date_without_any_time_is_refused():
    with pytest.raises(MissingTag, match=r"0018,1072"):
        suv_scaling([header(at(None, "20230102"))])
    refused(at("", "20230102"), match=r"0018,1072")


def test_date_without_time_is_enough_for_a_long_lived_nuclide():
    assert factor(header(at("100000", "20230101", CU64_S))) == pytest.approx(decayed(25, CU64_S))


@pytest.mark.parametrize("seconds", [20, 90, 1200, 3590])
def test_injection_into_a_running_scan(seconds):
    clock = f"11{seconds // 60:02d}{seconds % 60:02d}"
    for tags in (at(clock), at(clock, f"20230102{clock}"), at(None, f"20230102{clock}")):
        assert factor(header(tags)) == pytest.approx(decayed(-seconds / 3600))
    assert factor(header(at(clock, f"20230102{clock}", CU64_S))) == pytest.approx(decayed(-seconds / 3600, CU64_S))


def test_injection_into_a_running_scan_over_midnight():
    tags = {
        f"{what}{part}": value
        for what in ("Series", "Acquisition")
        for part, value in (("Date", "20230102"), ("Time", "235950"))
    }
    assert factor(header(at("000010"), **tags)) == pytest.approx(decayed(-20 / 3600))


def test_injection_after_frames_without_decay_correction_is_refused():
    tags = {"DecayCorrection": "NONE", "CorrectedImage": ["ATTN"], "ActualFrameDuration": 60000}
    refused(at("113000"), **tags, match="from injection to scan")


@pytest.mark.parametrize("half_life_s", [CU64_S, ZR89_S])
def test_long_lived_nuclides_need_a_possible_date(half_life_s):
    refused(at("100000", half_life_s=half_life_s), match=r"0018,1078")
    refused(at("100000", "19580102100000", half_life_s), match=r"0018,1078")
    refused(at("100000", "20230105100000", half_life_s), match=r"0018,1078")
    days = 1 if half_life_s == CU64_S else 6
    scan = {f"{what}Date": f"202301{2 + days:02d}" for what in ("Study", "Series", "Acquisition")}
    hours = 24 * days + 1
    assert factor(header(at("100000", "20230102100000", half_life_s), **scan)) == pytest.approx(
        decayed(hours, half_life_s)
    )


@pytest.mark.parametrize("keyword", ["StudyDate", "SeriesDate", "AcquisitionDate"])
def test_dates_that_contradict_each_other_are_refused_for_long_lived_nuclides(keyword):
    dates = dict.fromkeys(("StudyDate", "SeriesDate", "AcquisitionDate"), "20230102")
    injected = at("100000", "20230101100000", ZR89_S)
    assert factor(header(injected, **dates)) == pytest.approx(decayed(25, ZR89_S))
    for date in ("20221230", "20230105"):
        refused(injected, **(dates | {keyword: date}), match="Date")


def test_shifted_dates_do_no_harm_to_short_lived_nuclides():
    for moment in ("19580304100000", "20230109100000", "20230101100000"):
        assert factor(header(at(None, moment))) == factor(header(at("100000", moment))) == pytest.approx(decayed(1))


@pytest.mark.parametrize(
    ("half_life_s", "injected", "minutes"),
    [
        (6586.2, "080000", 180),
        (6586.2, "072100", 219),
        (C11_S, "100000", 60),
        (C11_S, "093000", 90),
        (GA68_S, "090000", 120),
        (GA68_S, "100000", 60),
        (RB82_S, "105830", 1.5),
        (122.24, "105800", 2),
        (598.0, "102000", 40),
    ],
)
def test_uptakes_of_the_clinic_are_possible(half_life_s, injected, minutes):
    scaling = suv_scaling([header(at(injected, half_life_s=half_life_s))])
    assert scaling.factors[0] == pytest.approx(decayed(minutes / 60, half_life_s))
    assert scaling.uptake_minutes == pytest.approx(minutes)


@pytest.mark.parametrize(
    ("half_life_s", "injected"),
    [
        (6586.2, "220000"),  # 13 h
        (6586.2, "071500"),  # 3.75 h are more than 2 half-lives
        (6586.2, "121000"),  # 22.8 h, or 70 min after the start
        (6586.2, "000000"),
        (C11_S, "080000"),
        (GA68_S, "080000"),
        (RB82_S, "103000"),
    ],
)
def test_impossible_uptakes_are_refused_with_the_reason(half_life_s, injected):
    refused(at(injected, half_life_s=half_life_s), match="half-lives from injection to scan")


@pytest.mark.parametrize("moment", [None, "20230102000000"])
def test_times_that_were_blanked_are_refused(moment):
    refused(at("000000", moment), SeriesTime="000000", AcquisitionTime="000000", match="blanked")


def test_two_times_of_injection_that_differ_are_refused():
    for time, moment in (("100000", "20230102093000"), ("103000", "20230102100000")):
        refused(at(time, moment), match="contradict each other")
    assert factor(header(at("100000", "20230102100045"))) == pytest.approx(decayed(1 - 45 / 3600))
    assert factor(header(at("100000", "20230102020000"))) == pytest.approx(decayed(1))  # 9 h can't be


@pytest.mark.parametrize("time", ["250000", "93000", "noon", "10:00:00"])
def test_times_that_are_none_are_refused(time):
    refused(at(time), match="not a DICOM date and time")


def test_missing_dates_are_called_so():
    for tags in ({}, {"StudyDate": ""}):
        with pytest.raises(MissingTag, match=r"no date.*0008,0022"):
            suv_scaling([header(SeriesDate=None, AcquisitionDate=None, **tags)])
    assert factor(header(SeriesDate=None, AcquisitionDate=None, StudyDate="20230102")) == pytest.approx(decayed(1))
