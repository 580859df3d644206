"""Plans of nnU-Net's default network for whole-body PET/CT."""

from typing import Any

from benchmarks.speed.phantom_patches import ORGANS, PATCH_SIZE

DATASET_JSON = {
    "channel_names": {"0": "CT", "1": "PET"},
    "labels": {"background": 0, **ORGANS},
    "file_ending": ".nii.gz",
}
N_STAGES = 6
OPERATORS = {
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "nonlin": "torch.nn.LeakyReLU",
}
ARCHITECTURE = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "n_stages": N_STAGES,
        "features_per_stage": [32, 64, 128, 256, 320, 320],
        "kernel_sizes": [[3, 3, 3]] * N_STAGES,
        "strides": [[1, 1, 1]] + [[2, 2, 2]] * (N_STAGES - 1),
        "n_conv_per_stage": [2] * N_STAGES,
        "n_conv_per_stage_decoder": [2] * (N_STAGES - 1),
        "conv_bias": True,
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin_kwargs": {"inplace": True},
        **OPERATORS,
    },
    "_kw_requires_import": [*OPERATORS, "dropout_op"],
}


def plans(spacing_mm: float = 2.5, intensities: dict[str, Any] | None = None) -> dict[str, Any]:
    """Plans of the default network on an isotropic grid; `intensities` are statistics of the labeled voxels, per channel."""
    resampling = "resample_data_or_seg_to_shape"
    cubic = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    configuration = {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [PATCH_SIZE] * 3,
        "spacing": [spacing_mm] * 3,
        "normalization_schemes": ["CTNormalization", "ZScoreNormalization"],
        "use_mask_for_norm": [False, False],
        "resampling_fn_data": resampling,
        "resampling_fn_data_kwargs": cubic,
        "resampling_fn_seg": resampling,
        "resampling_fn_seg_kwargs": {**cubic, "is_seg": True, "order": 1},
        "batch_dice": False,
        "architecture": ARCHITECTURE,
    }
    return {
        "dataset_name": "Dataset001_Phantom",
        "plans_name": "nnUNetPlans",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "label_manager": "LabelManager",
        "image_reader_writer": "SimpleITKIO",
        "foreground_intensity_properties_per_channel": intensities or {},
        "configurations": {"3d_fullres": configuration},
    }
