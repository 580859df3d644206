import pytest
from nnunetv2.preprocessing.normalization.map_channel_name_to_normalization import get_normalization_scheme

from nnunetv2_muduo.imageio.modalities import MODALITIES, modality_of


@pytest.mark.parametrize(
    ("channel_name", "key"),
    [("CT", "ct"), ("ct", "ct"), ("PET", "pet"), ("noPET", "pet"), ("FDG-PET", "pet"), ("T1", None), ("CT2", None)],
)
def test_modality_by_name_of_channel(channel_name, key):
    assert modality_of(channel_name) == (MODALITIES[key] if key else None)


@pytest.mark.parametrize("modality", MODALITIES.values(), ids=list(MODALITIES))
def test_normalization_is_what_nnunet_chooses_for_the_name(modality):
    assert get_normalization_scheme(modality.name).__name__ == modality.normalization
    assert modality_of(modality.name) is modality
