import numpy as np
import pytest
import torch
from acvl_utils.cropping_and_padding.bounding_boxes import crop_and_pad_nd
from nnunetv2.preprocessing.normalization import default_normalization_schemes as nnunet_schemes

from nnunetv2_muduo.data.views import ChannelNormalization, StackedViews, channel_normalization, split_views

CT_PROPERTIES = {"mean": 45.678, "std": 123.456, "percentile_00_5": -950.1, "percentile_99_5": 870.9}


def random_case(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.normal(-100, 400, (20, 21, 22)), rng.gamma(1, 2, (20, 21, 22))]).astype(np.float32)


@pytest.mark.parametrize("scheme", ["CTNormalization", "ZScoreNormalization", "NoNormalization"])
def test_normalization_equals_nnunet_bit_for_bit(scheme):
    image = random_case()[0]
    own = channel_normalization(scheme, image, CT_PROPERTIES)
    stock = getattr(nnunet_schemes, scheme)(use_mask_for_norm=False, intensityproperties=CT_PROPERTIES)
    restored = ChannelNormalization(**own.to_dict())  # as it comes back from JSON
    assert np.array_equal(restored(image), stock.run(image.copy()))


def test_a_scheme_that_is_unknown_is_refused():
    with pytest.raises(NotImplementedError, match="RGBTo01Normalization"):
        channel_normalization("RGBTo01Normalization", random_case()[0], {})


def test_views_pad_the_student_as_nnunet_does_and_the_teachers_with_zero():
    case = random_case()
    schemes = ["CTNormalization", "ZScoreNormalization"]
    normalizations = [channel_normalization(s, c, CT_PROPERTIES) for s, c in zip(schemes, case, strict=True)]
    views = StackedViews(case, normalizations)
    bbox = [[-5, 11], [3, 30], [-2, 25]]
    patch = torch.from_numpy(crop_and_pad_nd(views, bbox, 0))[None]
    student, ct_hu, pet_suv = split_views(patch)
    normalized = np.stack([n(c) for n, c in zip(normalizations, case, strict=True)])
    assert np.array_equal(student[0].numpy(), crop_and_pad_nd(normalized, bbox, 0))
    assert np.array_equal(torch.cat([ct_hu, pet_suv], 1)[0].numpy(), crop_and_pad_nd(case, bbox, 0))


def test_a_clean_view_is_the_students_once_more():
    case = random_case()
    normalizations = [channel_normalization("CTNormalization", channel, CT_PROPERTIES) for channel in case]
    with_clean = StackedViews(case, normalizations, clean_view=True)
    region = (slice(None), slice(2, 9), slice(0, 4), slice(5, 6))
    assert with_clean.shape == (6, *case.shape[1:])
    assert np.array_equal(with_clean[region][:4], StackedViews(case, normalizations)[region])
    assert np.array_equal(with_clean[region][4:], with_clean[region][:2])
