import numpy as np
import pytest

from nnunetv2_muduo.imageio.modalities import MODALITIES
from nnunetv2_muduo.imageio.nifti import CaseRefused
from nnunetv2_muduo.imageio.units import require_plausible, value_range

HU = np.linspace(-1000, 1000, 64).reshape(4, 4, 4)
SUV = np.linspace(0, 12, 64).reshape(4, 4, 4)


@pytest.mark.parametrize(
    ("modality", "values", "message"),
    [
        ("ct", HU, None),
        ("ct", HU + 1000, "^ct.nii: CT without negative values is not in HU \\(0 to 2000\\)$"),
        ("pet", SUV, None),
        ("pet", SUV * 5000, "^ct.nii: not in SUV, the median of its bright voxels is .* \\(Bq/ml\\?\\)$"),
        ("pet", HU / 100, None),  # reconstructions may undershoot
    ],
)
def test_values_in_the_unit_of_their_modality(modality, values, message):
    if message is None:
        require_plausible(MODALITIES[modality], values, "ct.nii")
    else:
        with pytest.raises(CaseRefused, match=message):
            require_plausible(MODALITIES[modality], values, "ct.nii")


@pytest.mark.parametrize(
    ("fill", "message"), [(np.nan, "NaN or infinite"), (np.inf, "NaN or infinite"), (3, "value 3")]
)
def test_range_of_useless_values(fill, message):
    with pytest.raises(CaseRefused, match=message):
        value_range(np.full((2, 2, 2), fill, np.float32), "pet.nii")
    assert value_range(SUV, "pet.nii") == (0, 12)
