"""To which time a series with decay correction START is corrected, where the series time was altered."""

import math
import random

import pytest

pydicom = pytest.importorskip("pydicom")
from pet_header import F18_HALF_LIFE_S, decayed, factor, header  # noqa: E402

from nnunetv2_muduo.conversion.dicom_tags import MissingTag  # noqa: E402
from nnunetv2_muduo.conversion.suv import suv_scaling  # noqa: E402
from nnunetv2_muduo.imageio.refusal import CaseRefused  # noqa: E402

GE, PHILIPS = {"Manufacturer": "GE MEDICAL SYSTEMS"}, {"Manufacturer": "Philips"}
RATE = math.log(2) / F18_HALF_LIFE_S
ALTERED = ["160000", "104000", "111500", "105500"]


def mean_s(duration_s: float) -> float:
    """When the activity of a frame equals its mean, by numerical integration."""
    n = 10000
    mean = sum(math.exp(-RATE * duration_s * (i + 0.5) / n) for i in range(n)) / n
    return -math.log(mean) / RATE


def with_private_time(dataset, text, group=0x0009, creator="GEMS_PETD_01", element=0x0D, vr="DT"):
    dataset.private_block(group, creator, create=True).add_new(element, vr, text)
    return dataset


def beds(n=5, duration_s=240.0, step_s=243.0, one_time=False, **tags):
    """Slices of n beds, two each, as Siemens (or GE, by its tag) writes them; the scan starts at 11:00."""
    is_ge = tags.get("Manufacturer", "").startswith("GE")
    slices = []
    for bed in range(n):
        start_s = bed * step_s
        clock = "110000" if one_time else f"11{int(start_s) // 60:02d}{int(start_s) % 60:02d}"
        reference_s = start_s + (0 if is_ge else mean_s(duration_s))
        times = {"AcquisitionTime": clock, "FrameReferenceTime": 1000 * reference_s}
        slices += [header(**(times | {"ActualFrameDuration": 1000 * duration_s} | tags)) for _ in range(2)]
    return slices


def shuffles(slices):
    yield slices
    yield slices[::-1]
    yield random.Random(0).sample(slices, len(slices))


@pytest.mark.parametrize("series_time", [None, "110000", *ALTERED])
@pytest.mark.parametrize("one_time", [False, True], ids=["time per bed", "one time"])
@pytest.mark.parametrize("maker", [{}, GE, PHILIPS], ids=["Siemens", "GE", "Philips"])
def test_altered_series_time_does_no_harm_in_any_order(maker, one_time, series_time):
    for slices in shuffles(beds(one_time=one_time, SeriesTime=series_time, **maker)):
        assert suv_scaling(slices).factors == pytest.approx([decayed(1)] * 10, rel=2e-3)


@pytest.mark.parametrize("series_time", ["160000", "104000"])
def test_philips_writes_the_start_of_the_scan_on_a_late_bed(series_time):
    late = header(SeriesTime=series_time, FrameReferenceTime=1328700, ActualFrameDuration=120700, **PHILIPS)
    assert factor(late, late) == pytest.approx(decayed(1))


def test_late_beds_alone_are_computed_back():
    """A cut of a series: its series time is believed, because the frame reference time confirms it; an altered one isn't."""
    for series_time in ("110000", "160000", "112000"):
        late = beds(SeriesTime=series_time)[6:]
        assert factor(*late) == pytest.approx(decayed(1), rel=2e-3)


def test_series_time_that_the_frame_reference_time_contradicts_is_not_believed():
    first = {"FrameReferenceTime": 1000 * mean_s(240), "ActualFrameDuration": 240000}
    for series_time in ("105500", "105700", "110130"):
        assert factor(header(SeriesTime=series_time, **first)) == pytest.approx(decayed(1), rel=1e-3)
    assert "not believed" in suv_scaling([header(SeriesTime="105500", **first)]).explanation
    assert "not believed" not in suv_scaling([header(**first)]).explanation


def test_reference_is_no_more_than_a_frame_before_the_first_acquisition():
    assert factor(header(SeriesTime="104000")) == pytest.approx(decayed(1))
    assert factor(header(SeriesTime="104000", ActualFrameDuration=240000)) == pytest.approx(decayed(1))
    assert factor(header(SeriesTime="105800", ActualFrameDuration=240000)) == pytest.approx(decayed(1 - 2 / 60))


@pytest.mark.parametrize("series_time", [None, "110000", *ALTERED])
def test_acquisition_date_time_is_read(series_time):
    times = {"AcquisitionDate": None, "AcquisitionTime": None, "SeriesTime": series_time}
    assert factor(header(AcquisitionDateTime="20230102110000.00", **times)) == pytest.approx(decayed(1))
    utc = {"AcquisitionDateTime": "20230102060000+0000", "TimezoneOffsetFromUTC": "+0500"}
    assert factor(header(**utc, **times)) == pytest.approx(decayed(1))
    no_other_date = {"SeriesDate": None} if series_time is None else {}
    assert factor(header(AcquisitionDateTime="20230102110000", **times, **no_other_date)) == pytest.approx(decayed(1))


def test_acquisition_date_time_decides_where_series_and_acquisition_time_differ():
    combined = {"AcquisitionDateTime": "20230102110000"}
    for altered in ({"SeriesTime": "103000"}, {"SeriesTime": "160000"}, {"AcquisitionTime": "113000"}):
        assert factor(header(**combined, **altered)) == pytest.approx(decayed(1))


@pytest.mark.parametrize("series_time", [None, *ALTERED])
def test_private_time_of_the_scanner_beats_the_series_time(series_time):
    ge = with_private_time(header(SeriesTime=series_time, **GE), "20230102110000.00")
    assert factor(ge) == pytest.approx(decayed(1))
    later_part = with_private_time(
        header(SeriesTime=series_time, AcquisitionTime="113000", **GE), b"20230102110000", vr="UN"
    )
    assert factor(later_part) == pytest.approx(decayed(1))
    siemens = with_private_time(header(SeriesTime=series_time), "20230102110000.0", 0x0071, "SIEMENS MED PT", 0x22)
    assert factor(siemens) == pytest.approx(decayed(1))


def test_private_time_that_all_others_contradict_is_refused():
    for slices in shuffles(beds(**GE)):
        assert factor(*[with_private_time(dataset, "20230102110000") for dataset in slices]) == pytest.approx(
            decayed(1)
        )
    slices = [with_private_time(dataset, "20230102103000") for dataset in beds(**GE)]
    with pytest.raises(CaseRefused, match="own time 10:30:00 contradicts"):
        suv_scaling(slices)


@pytest.mark.parametrize("with_reference", [True, False])
def test_acquisition_time_of_one_slice_that_cannot_be_is_refused(with_reference):
    slices = beds() if with_reference else beds(FrameReferenceTime=None)
    slices[4].AcquisitionTime = "101500"
    with pytest.raises(CaseRefused, match="AcquisitionTime"):
        suv_scaling(slices)


def test_frame_duration_is_needed_to_compute_back():
    late = {"SeriesTime": "160000", "AcquisitionTime": "111000", "FrameReferenceTime": 660000}
    with pytest.raises(MissingTag, match=r"ActualFrameDuration \(0018,1242\)"):
        suv_scaling([header(**late)])
    with pytest.raises(CaseRefused, match=r"0018,1242"):
        suv_scaling([header(**late, ActualFrameDuration=240)])
    with pytest.raises(MissingTag, match=r"ActualFrameDuration \(0018,1242\)"):
        suv_scaling([header(DecayCorrection="NONE", CorrectedImage=["ATTN"])])


@pytest.mark.parametrize("series_time", [None, "160000", "110000", "113000"])
def test_real_series_is_the_same_from_either_end(shared_data, series_time):
    paths = (shared_data / "dicom" / "STS_001_wholebody_pet").iterdir()
    slices = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    slices.sort(key=lambda dataset: dataset.ImagePositionPatient[2])
    expected = 71000 / 3.88777472e8 * 2 ** ((45 * 60 + 11) / 6588)  # 10:35:00 to 11:20:11
    assert factor(*slices) == pytest.approx(expected)
    for dataset in slices:
        dataset.SeriesTime = series_time
    for ordered in shuffles(slices):
        assert factor(*ordered) == pytest.approx(expected)
