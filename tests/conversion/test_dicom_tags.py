import pytest

pydicom = pytest.importorskip("pydicom")

from nnunetv2_muduo.conversion.dicom_tags import (  # noqa: E402
    MissingTag,
    number_or_zero,
    positive_number,
    required,
    required_numbers,
)


def header(**tags):
    dataset = pydicom.Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def test_values_of_tags():
    dataset = header(PatientWeight=70, ImagePositionPatient=[1, 2.5, -3], Units="BQML")
    assert required(dataset, "Units") == "BQML"
    assert required_numbers(dataset, "PatientWeight") == (70.0,)
    assert required_numbers(dataset, "ImagePositionPatient") == (1.0, 2.5, -3.0)
    assert positive_number(dataset, "PatientWeight") == number_or_zero(dataset, "PatientWeight") == 70
    assert number_or_zero(dataset, "FrameReferenceTime") == 0


@pytest.mark.parametrize("value", [None, ""])
def test_missing_and_empty_tags_are_named_with_their_number(value):
    dataset = header() if value is None else header(Units=value)
    with pytest.raises(MissingTag, match=r"Units \(0054,1001\) is missing"):
        required(dataset, "Units")


def test_numbers_that_cannot_be_are_refused():
    with pytest.raises(MissingTag, match="PatientWeight is 0"):
        positive_number(header(PatientWeight=0), "PatientWeight")
    with pytest.raises(MissingTag, match=r"Units \(0054,1001\) can't be read"):
        required_numbers(header(Units="BQML"), "Units")
