"""The rows of the paper's Table 2, and short schedules for trying things out. Each sets config fields of its own."""

from nnunetv2_muduo.trainers.muduo import nnUNetTrainerMuDuo


class nnUNetTrainerMuDuo_CTTeacherOnly(nnUNetTrainerMuDuo):
    """SAM-Med3D alone: nobody to agree with, every valid pair teaches."""

    config_overrides = {"teachers": "ct"}


class nnUNetTrainerMuDuo_PETTeacherOnly(nnUNetTrainerMuDuo):
    """SegAnyPET alone: nobody to agree with, every valid pair teaches."""

    config_overrides = {"teachers": "pet"}


class nnUNetTrainerMuDuo_NoFilter(nnUNetTrainerMuDuo):
    """Both teachers, every valid pair teaches."""

    config_overrides = {"kept_pairs": "all"}


class nnUNetTrainerMuDuo_FixedThreshold(nnUNetTrainerMuDuo):
    """Both teachers, pairs with an agreement of at least 0.5 teach."""

    config_overrides = {"kept_pairs": "threshold", "agreement_threshold": 0.5}


class nnUNetTrainerMuDuo_SinglePoint(nnUNetTrainerMuDuo):
    """One point per organ for the PET teacher."""

    config_overrides = {"n_points": 1}


class nnUNetTrainerMuDuo_1epoch(nnUNetTrainerMuDuo):
    """One epoch, of the prompt generator too."""

    prompt_generator = "nnUNetTrainerMuDuoPromptGenerator_1epoch"
    config_overrides = {"num_epochs": 1}


class nnUNetTrainerMuDuo_5epochs(nnUNetTrainerMuDuo):
    """Five epochs, of the prompt generator too."""

    prompt_generator = "nnUNetTrainerMuDuoPromptGenerator_5epochs"
    config_overrides = {"num_epochs": 5}
