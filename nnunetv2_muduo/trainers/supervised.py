"""Supervised training that MuDuo is compared with: the same student, patch, schedule and augmentation, without teachers."""

from nnunetv2_muduo.trainers.base import MuDuoTrainer


class nnUNetTrainerMuDuo_Supervised(MuDuoTrainer):
    """nnU-Net's own training on the labeled cases alone, on MuDuo's patch and with the epochs of its config."""

    on_teachers_patch = True
