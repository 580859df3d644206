"""PET headers for tests of SUV: one slice of a scan one hour after the injection."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from nnunetv2_muduo.conversion.suv import suv_scaling

F18_HALF_LIFE_S = 6586.2


def header(radiopharmaceutical=None, **tags):
    """70 kg, 350 MBq of F-18 at 10:00, scan at 11:00; dose per gram at injection is 5000 Bq. None takes a tag away."""
    dataset = Dataset()
    defaults = {
        "Modality": "PT",
        "Manufacturer": "SIEMENS",
        "Units": "BQML",
        "DecayCorrection": "START",
        "CorrectedImage": ["DECY", "ATTN"],
        "PatientWeight": 70,
        "SeriesDate": "20230102",
        "SeriesTime": "110000.000",
        "AcquisitionDate": "20230102",
        "AcquisitionTime": "110000.000",
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
    }
    for keyword, value in (defaults | tags).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.RadiopharmaceuticalInformationSequence = Sequence([administration(radiopharmaceutical)])
    return dataset


def administration(tags=None):
    """350 MBq of F-18 at 10:00."""
    injection = Dataset()
    values = {
        "RadiopharmaceuticalStartTime": "100000.00",
        "RadionuclideTotalDose": 350e6,
        "RadionuclideHalfLife": F18_HALF_LIFE_S,
    }
    for keyword, value in (values | (tags or {})).items():
        if value is not None:
            setattr(injection, keyword, value)
    return injection


def code(value, meaning="", scheme="SRT"):
    """A code sequence of one item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])


def factor(*slices):
    """The factor of the first slice."""
    return suv_scaling(list(slices)).factors[0]


def decayed(hours: float, half_life_s: float = F18_HALF_LIFE_S) -> float:
    """SUV factor if the dose has decayed for some hours: 1 / (5000 Bq/g * 2^(-t/T))."""
    return 2 ** (hours * 3600 / half_life_s) / 5000
