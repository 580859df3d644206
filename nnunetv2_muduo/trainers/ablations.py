"""The paper's own settings, the rows of its Table 2, and short schedules. Each sets config fields of its own."""

import torch
from torch import Tensor

from nnunetv2_muduo.trainers.muduo import nnUNetTrainerMuDuo

NNUNET_WEIGHT_DECAY = 3e-5


class nnUNetTrainerMuDuo_paper(nnUNetTrainerMuDuo):
    """The paper's prompts, filter, mixture, loss, optimizer and schedule, whatever MuDuo's defaults are: half of nnU-Net's
    cross-entropy and Dice, MSE at 0.1, SGD 0.01, momentum 0.9, weight decay 1e-4, 30 000 iterations of student and prompt
    generator, all ramp-up.

    docs/method.md says where it is nnU-Net's all the same.
    """

    default_num_epochs = 120  # of 250 iterations
    config_overrides = {
        "teachers": "both",
        "ct_prompts": "mask",
        "ct_mask_prompt_source": "student",
        "pet_prompts": "points",
        "n_points": 3,
        "prompting_network": "student",
        "prompting_view": "augmented",
        "valid_by": "prompt_map",
        "pair_score": "agreement",
        "kept_pairs": "best_half",
        "least_agreement": 0.0,
        "pseudo_label": "threshold",
        "average_share": 0.0,
        "organ_weights": "equal",
        "consistency": "mse",
        "consistency_weight": 0.1,
        "ramp_up_epochs": 120,
        "ramp_down_share": 0.0,
        "optimizer": "sgd",
    }

    def labeled_loss(self, data: Tensor, target: Tensor | list[Tensor]) -> Tensor:
        return super().labeled_loss(data, target) / 2

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

    config_overrides = {"teachers": "pet", "pet_mask_prompt_source": "student"}


class nnUNetTrainerMuDuo_NoFilter(nnUNetTrainerMuDuo):
    """Both teachers, every valid pair teaches."""

    config_overrides = {"kept_pairs": "all", "least_agreement": 0.0}


class nnUNetTrainerMuDuo_FixedThreshold(nnUNetTrainerMuDuo):
    """Both teachers, pairs with an agreement of at least 0.5 teach."""

    config_overrides = {"kept_pairs": "threshold", "agreement_threshold": 0.5}


class nnUNetTrainerMuDuo_SinglePoint(nnUNetTrainerMuDuo):
    """One point per organ for the teacher that is asked with points."""

    config_overrides = {"n_points": 1}


class nnUNetTrainerMuDuo_1epoch(nnUNetTrainerMuDuo):
    """One epoch, of the prompt generator too."""

    prompt_generator = "nnUNetTrainerMuDuoPromptGenerator_1epoch"
    config_overrides = {"num_epochs": 1}


class nnUNetTrainerMuDuo_5epochs(nnUNetTrainerMuDuo):
    """Five epochs, of the prompt generator too."""

    prompt_generator = "nnUNetTrainerMuDuoPromptGenerator_5epochs"
    config_overrides = {"num_epochs": 5}
