"""SUV factors against numbers worked out by hand and against pySUV."""

import math
from datetime import datetime

import pytest

pydicom = pytest.importorskip("pydicom")
from pet_header import F18_HALF_LIFE_S, decayed, factor, header  # noqa: E402

from nnunetv2_muduo.conversion.dicom import read_pet_suv  # noqa: E402
from nnunetv2_muduo.conversion.suv import (  # noqa: E402
    DOSE_KEY,
    UPTAKE_KEY,
    WEIGHT_KEY,
    MissingTag,
    parse_datetime,
    suv_scaling,
)
from nnunetv2_muduo.imageio.nifti import CaseRefused  # noqa: E402


def test_start_decays_the_dose_to_the_series_time():
    assert factor(header()) == pytest.approx(decayed(1))
    assert factor(header()) == pytest.approx(2.921273e-4, rel=1e-5)


def test_admin_uses_the_injected_dose():
    assert factor(header(DecayCorrection="ADMIN")) == pytest.approx(1 / 5000)


def test_weight_is_linear_and_dose_inverse():
    assert factor(header(PatientWeight=140)) == pytest.approx(2 * factor(header()))
    assert factor(header({"RadionuclideTotalDose": 700e6})) == pytest.approx(factor(header()) / 2)


def test_later_beds_have_the_factor_of_the_first():
    beds = [header(AcquisitionTime=f"11{minute:02d}00") for minute in (12, 0, 4, 8)]
    assert suv_scaling(beds).factors == pytest.approx([decayed(1)] * 4)


def test_without_decay_correction_each_slice_has_its_own_time():
    beds = [
        header(DecayCorrection="NONE", AcquisitionTime=f"11{minute:02d}00", ActualFrameDuration=240000)
        for minute in (0, 30)
    ]
    rate = math.log(2) / F18_HALF_LIFE_S
    # mean of e^(-rate t) over 240 s, looked up as a time
    mean_s = -math.log((1 - math.exp(-rate * 240)) / (rate * 240)) / rate
    assert 119 < mean_s < 120
    assert suv_scaling(beds).factors == pytest.approx([decayed(1 + mean_s / 3600), decayed(1.5 + mean_s / 3600)])


def test_altered_series_time_is_replaced_by_the_first_acquisition():
    beds = [header(SeriesTime="160000", AcquisitionTime=f"11{minute:02d}00") for minute in (4, 0)]
    assert factor(*beds) == pytest.approx(decayed(1))


def test_altered_series_time_is_computed_back_from_the_frame_reference_time():
    """Acquired at 11:10 with a reference of 600 s plus the mean time of a 240 s frame: the scan began at 11:00."""
    rate = math.log(2) / F18_HALF_LIFE_S
    mean_s = -math.log((1 - math.exp(-rate * 240)) / (rate * 240)) / rate
    tags = {"SeriesTime": "160000", "AcquisitionTime": "111000", "ActualFrameDuration": 240000}
    assert factor(header(**tags, FrameReferenceTime=1000 * (600 + mean_s))) == pytest.approx(decayed(1), rel=1e-6)
    assert factor(header(**tags, FrameReferenceTime=600000, Manufacturer="GE MEDICAL SYSTEMS")) == pytest.approx(
        decayed(1)
    )


def test_ge_private_scan_time_counts_if_the_series_time_was_altered():
    slice_ = header(SeriesTime="160000", AcquisitionTime="113000", Manufacturer="GE MEDICAL SYSTEMS")
    slice_.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20230102110000.00")
    assert factor(slice_) == pytest.approx(decayed(1))


def test_scan_over_midnight():
    tags = {name: "20230103" for name in ("SeriesDate", "AcquisitionDate")}
    times = {"SeriesTime": "003000", "AcquisitionTime": "003000"}
    without_date = header({"RadiopharmaceuticalStartTime": "233000"}, **tags, **times)
    with_date = header({"RadiopharmaceuticalStartDateTime": "20230102233000.00"}, **tags, **times)
    assert factor(without_date) == factor(with_date) == pytest.approx(decayed(1))


def test_bed_after_midnight_with_a_series_before_it():
    beds = [
        header(SeriesTime="235000", AcquisitionDate=d, AcquisitionTime=t)
        for d, t in (("20230102", "235000"), ("20230103", "000200"))
    ]
    for bed in beds:
        bed.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartTime = "225000"
    assert suv_scaling(beds).factors == pytest.approx([decayed(1)] * 2)


def test_impossible_injection_date_gives_way_to_the_time_of_day():
    """As in real files whose dates were shifted apart when they were de-identified."""
    assert factor(header({"RadiopharmaceuticalStartDateTime": "20230104100000.00"})) == pytest.approx(decayed(1))
    only_date_time = {"RadiopharmaceuticalStartDateTime": "20230104100000", "RadiopharmaceuticalStartTime": None}
    assert factor(header(only_date_time)) == pytest.approx(decayed(1))


def test_long_lived_isotopes_need_a_date():
    zirconium = {"RadionuclideHalfLife": 282240.0}
    with pytest.raises(MissingTag, match=r"0018,1078"):
        suv_scaling([header(zirconium)])
    dated = zirconium | {"RadiopharmaceuticalStartDateTime": "20221230110000"}
    assert factor(header(dated)) == pytest.approx(2 ** (3 * 86400 / 282240.0) / 5000)


def test_gml_stays_and_other_normalizations_are_refused():
    assert factor(header(Units="GML")) == 1
    assert factor(header(Units="GML", SUVType="BW", PatientWeight=None)) == 1
    with pytest.raises(CaseRefused, match="SUVType"):
        suv_scaling([header(Units="GML", SUVType="LBM")])
    with pytest.raises(CaseRefused, match="'PROPCPS'"):
        suv_scaling([header(Units="PROPCPS")])


@pytest.mark.parametrize("encode", [lambda value: ("DS", str(value)), lambda value: ("UN", f"{value} ".encode())])
def test_philips_counts(encode):
    direct, by_activity = header(Units="CNTS", PatientWeight=None), header(Units="CNTS")
    direct.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x00, *encode(0.00123))
    block = by_activity.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, *encode(0))
    block.add_new(0x09, *encode(2.5))
    assert factor(direct) == pytest.approx(0.00123)
    assert factor(by_activity) == pytest.approx(2.5 * decayed(1))
    with pytest.raises(MissingTag, match="7053,1000"):
        suv_scaling([header(Units="CNTS")])


def test_philips_suv_factor_is_for_decay_corrected_counts():
    uncorrected = {
        "Units": "CNTS",
        "DecayCorrection": "NONE",
        "CorrectedImage": ["ATTN"],
        "ActualFrameDuration": 240000,
    }
    slices = [header(AcquisitionTime=f"11{minute:02d}00", **uncorrected) for minute in (0, 30)]
    for dataset in slices:
        block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
        block.add_new(0x00, "DS", "0.00123")
    with pytest.raises(MissingTag, match="7053,1009"):
        suv_scaling(slices)
    for dataset in slices:
        dataset.private_block(0x7053, "Philips PET Private Group").add_new(0x09, "DS", "2.5")
    expected = [2.5 * decayed(hours + 119.7 / 3600) for hours in (1, 1.5)]
    assert suv_scaling(slices).factors == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("value", ["-0.001", "inf", "much"])
def test_philips_factor_that_cannot_be_is_refused(value):
    dataset = header(Units="CNTS")
    dataset.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x00, "LO", value)
    with pytest.raises(CaseRefused, match="7053,1000"):
        suv_scaling([dataset])


def test_image_carries_the_facts_of_its_header(tmp_path):
    pytest.importorskip("highdicom")
    from dicom_writer import pet_volume, write_series

    def facts(image):
        return [
            float(image.GetMetaData(key)) for key in (WEIGHT_KEY, DOSE_KEY, UPTAKE_KEY) if image.HasMetaDataKey(key)
        ]

    low = pet_volume() // 100
    assert facts(read_pet_suv(write_series(tmp_path / "start", low))) == pytest.approx([70, 350, 60])
    untimed = {"DecayCorrection": "ADMIN", "SeriesTime": "", "AcquisitionTime": ""}
    assert facts(read_pet_suv(write_series(tmp_path / "admin", low, tags=untimed))) == pytest.approx([70, 350])
    in_suv = {"Units": "GML", "PatientWeight": ""}
    assert facts(read_pet_suv(write_series(tmp_path / "gml", low % 5, tags=in_suv))) == pytest.approx([350, 60])


@pytest.mark.parametrize(
    ("tags", "radiopharmaceutical", "named"),
    [
        ({"PatientWeight": None}, {}, "0010,1030"),
        ({"PatientWeight": ""}, {}, "0010,1030"),
        ({"PatientWeight": 0}, {}, "PatientWeight is 0"),
        ({}, {"RadionuclideTotalDose": None}, "0018,1074"),
        ({}, {"RadionuclideHalfLife": None}, "0018,1075"),
        ({}, {"RadiopharmaceuticalStartTime": None}, "0018,1072"),
        ({"SeriesTime": None, "AcquisitionTime": None}, {}, "0008,0031"),
        ({"DecayCorrection": None}, {}, "0054,1102"),
        ({"Units": None}, {}, "0054,1001"),
    ],
)
def test_missing_tags_are_named(tags, radiopharmaceutical, named):
    with pytest.raises(MissingTag, match=named):
        suv_scaling([header(radiopharmaceutical, **tags)])


def test_implausible_values_are_refused():
    with pytest.raises(CaseRefused, match="MBq"):
        suv_scaling([header({"RadionuclideTotalDose": 35})])
    with pytest.raises(CaseRefused, match="'SOMETIMES'"):
        suv_scaling([header(DecayCorrection="SOMETIMES")])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20230102110000.250000", datetime(2023, 1, 2, 11, 0, 0, 250000)),
        ("202301021100", datetime(2023, 1, 2, 11)),
        ("20230102110000.5+0100", datetime(2023, 1, 2, 11, 0, 0, 500000)),
        ("20230102110000.5-0500", datetime(2023, 1, 2, 11, 0, 0, 500000)),
        ("20230102110000-0500", datetime(2023, 1, 2, 11)),
    ],
)
def test_dates_and_times(text, expected):
    assert parse_datetime(text) == expected


def test_nonsense_is_no_time():
    with pytest.raises(CaseRefused, match="not a DICOM date"):
        parse_datetime("20230102 half past ten")


# pySUV knows decay correction START alone; ADMIN is checked on real series in test_dicom.py
@pytest.mark.parametrize("manufacturer", ["SIEMENS", "GE MEDICAL SYSTEMS", "Unknown"])
@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"PatientWeight": 54.5},
        {"SeriesTime": "113015.500", "AcquisitionTime": "113015.500"},
    ],
)
def test_agrees_with_pysuv_on_activity(manufacturer, tags):
    pysuv = pytest.importorskip("pysuv")
    dataset = header(Manufacturer=manufacturer, **tags)
    assert factor(dataset) == pytest.approx(pysuv.get_suv_factor(dataset).suv_factor, rel=1e-6)


def test_agrees_with_pysuv_on_philips_counts():
    pysuv = pytest.importorskip("pysuv")
    dataset = header(Units="CNTS", Manufacturer="Philips Medical Systems")
    dataset.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x00, "DS", "0.00123")
    assert factor(dataset) == pytest.approx(pysuv.get_suv_factor(dataset).suv_factor, rel=1e-6)
