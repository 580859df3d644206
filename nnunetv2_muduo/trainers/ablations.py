"""The paper's own settings, the rows of its Table 2, and short schedules. Each sets config fields of its own."""

import torch

from nnunetv2_muduo.trainers.muduo import nnUNetTrainerMuDuo

NNUNET_WEIGHT_DECAY = 3e-5


class nnUNetTrainerMuDuo_paper(nnUNetTrainerMuDuo):
    """The paper's loss and optimizer: MSE at 0.1, SGD 0.01, momentum 0.9, weight decay 1e-4, 30 000 iterations, all ramp-up."""

    default_num_epochs = 120  # of 250 iterations
    config_overrides = {"consistency": "mse", "consistency_weight": 0.1, "ramp_up_epochs": 120, "optimizer": "sgd"}

    def configure_optimizers(self):
        if self.weight_decay == NNUNET_WEIGHT_DECAY:  # a subclass's own stands
            self.weight_decay = 1e-4
        _, lr_scheduler = super().configure_optimizers()
        optimizer = torch.optim.SGD(
            self.network.parameters(), self.initial_lr, momentum=0.9, weight_decay=self.weight_decay
        )
        lr_scheduler.optimizer = optimizer
        return optimizer, lr_scheduler


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
