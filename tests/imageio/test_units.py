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
        ("pet", HU / 100 - 1, "its values add up to less than 0"),
        ("pet", SUV / 1e3, "median of its bright voxels is .*scaled"),
        ("ct", np.linspace(5, 100, 64), None),  # a small view in the brain
        ("ct", np.concatenate([np.linspace(5, 60, 48), np.linspace(200, 900, 16)]), None),  # with the skull
        ("ct", np.concatenate([np.linspace(5, 60, 48), np.linspace(950, 1100, 16)]), "CT without negative values"),
        ("ct", np.linspace(150, 1100, 64), "CT without negative values"),  # a lung + 1000
        ("ct", np.concatenate([[0], np.linspace(2, 105, 4095)]), None),  # one voxel of water
        ("ct", np.linspace(0, 100, 64), "CT without negative values"),
        ("ct", SUV - 1, "nearly all values lie between -0.9"),
        ("ct", HU * 10, "of the values are below -1200"),
        ("ct", np.linspace(-100, 60, 64), None),  # fat and muscle alone
        ("ct", np.where(np.arange(64) < 40, -5, 1020), "nothing is below -500 and 38% is above 700"),
        ("ct", HU * 0.35 - 650, "shows no body: no value is above -200"),
        ("ct", HU * 1.4 + 800, r"the median of its bright voxels is .* \(shifted\?\)"),
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
