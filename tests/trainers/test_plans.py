import numpy as np
import pytest

from nnunetv2_muduo.trainers.plans import fit_plans, teachers_patch


def make_plans(strides, n_features=(32, 64, 128, 256, 320, 320)):
    n = len(strides)
    kwargs = {
        "n_stages": n,
        "features_per_stage": list(n_features[:n]),
        "kernel_sizes": [[3, 3, 3]] * n,
        "strides": strides,
        "n_conv_per_stage": [2] * n,
        "n_conv_per_stage_decoder": [2] * (n - 1),
        "conv_bias": True,
    }
    architecture = {"network_class_name": "X", "arch_kwargs": kwargs}
    configuration = {"patch_size": [96, 160, 160], "batch_size": 2, "architecture": architecture}
    child = {"inherits_from": "3d_fullres", "batch_size": 4}
    return {"configurations": {"3d_fullres": configuration, "3d_child": child}}


STRIDES = [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 2]]


def test_a_large_patch_keeps_the_network():
    plans = fit_plans(make_plans(STRIDES), "3d_fullres", (128,) * 3)
    configuration = plans["configurations"]["3d_fullres"]
    assert configuration["patch_size"] == [128, 128, 128]
    assert configuration["architecture"] == make_plans(STRIDES)["configurations"]["3d_fullres"]["architecture"]


def test_a_small_patch_keeps_four_voxels_in_the_bottleneck():
    plans = fit_plans(make_plans(STRIDES), "3d_fullres", (32,) * 3)
    kwargs = plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    assert kwargs["strides"] == [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2], [2, 1, 1]]
    assert kwargs["n_stages"] == len(kwargs["features_per_stage"]) == len(kwargs["n_conv_per_stage"]) == 5
    assert len(kwargs["n_conv_per_stage_decoder"]) == 4
    assert (32 // np.prod(kwargs["strides"], axis=0)).min() == 4


def test_a_patch_that_grows_shrinks_the_batch_to_no_less_than_two():
    plans = make_plans(STRIDES)
    for planned, expected in [(64, 3), (80, 6), (128, 24), (160, 24)]:
        plans["configurations"]["3d_fullres"].update(patch_size=[planned] * 3, batch_size=24)
        assert fit_plans(plans, "3d_fullres", (128,) * 3)["configurations"]["3d_fullres"]["batch_size"] == expected
    plans["configurations"]["3d_fullres"].update(patch_size=[32] * 3, batch_size=2)
    assert fit_plans(plans, "3d_fullres", (128,) * 3)["configurations"]["3d_fullres"]["batch_size"] == 2


def test_the_given_plans_stay_as_they_are_and_inherited_settings_are_found():
    plans = make_plans(STRIDES)
    fitted = fit_plans(plans, "3d_child", (64,) * 3)
    assert plans == make_plans(STRIDES)
    assert fitted["configurations"]["3d_child"]["patch_size"] == [64, 64, 64]
    assert fitted["configurations"]["3d_fullres"]["patch_size"] == [96, 160, 160]


def plans_of(spacing_mm):
    plans = make_plans(STRIDES)
    plans["configurations"]["3d_fullres"]["spacing"] = list(spacing_mm)
    return plans


@pytest.mark.parametrize(
    ("spacing_mm", "expected"),
    [
        ((1.5, 1.5, 1.5), (128, 128, 128)),  # the teachers' own
        ((3.0, 2.04, 2.04), (64, 96, 96)),  # AutoPET: 192, 196 and 196 mm
        ((2.4, 2.4, 1.0), (80, 80, 192)),  # 80 is no multiple of 32, but of 16, within a twentieth
        ((1.0, 9.0, 4.0), (192, 22, 48)),  # an axis too short to be halved often
    ],
)
def test_a_patch_as_large_in_mm_as_the_teachers_image(spacing_mm, expected):
    plans = plans_of(spacing_mm)
    patch_size = teachers_patch(plans, "3d_fullres", 128, 1.5)
    assert patch_size == expected
    extents_mm = np.array(patch_size) * spacing_mm
    assert np.abs(extents_mm / 192 - 1).max() < 0.05
    kwargs = fit_plans(plans, "3d_fullres", patch_size)["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    assert (np.array(patch_size) % np.prod(kwargs["strides"], axis=0) == 0).all()
    assert teachers_patch(plans, "3d_fullres", 128, None) == (128, 128, 128)
