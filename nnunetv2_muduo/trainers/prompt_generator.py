"""Prompt generator: a PET-only nnU-Net on exactly the fold's labeled cases, whose frozen answer prompts the teachers."""

from torch import nn

from nnunetv2_muduo.data.views import PET_CHANNEL
from nnunetv2_muduo.trainers.generator import GeneratorTrainer
from nnunetv2_muduo.trainers.student_channels import PLANS_KEY


class nnUNetTrainerMuDuoPromptGenerator(GeneratorTrainer):
    """nnU-Net's own trainer, network and data; the network takes the PET channel alone."""

    needs_ct_and_pet = on_teachers_patch = True
    config_overrides = {"student_channels": "pet"}
    trains = "prompt generator"

    @classmethod
    def build_network_architecture(cls, plans_manager, configuration_manager, *args, **kwargs) -> nn.Module:
        """nnU-Net's network on the PET channel alone; the plans of generators of 0.1.0 do not name the channel."""
        configuration_manager.configuration.setdefault(PLANS_KEY, [PET_CHANNEL])
        return super().build_network_architecture(plans_manager, configuration_manager, *args, **kwargs)

    def _configured_epochs(self) -> int | None:
        return self.muduo_config.prompt_generator_num_epochs or super()._configured_epochs()


class nnUNetTrainerMuDuoPromptGenerator_1epoch(nnUNetTrainerMuDuoPromptGenerator):
    """For trying things out."""

    config_overrides = {**nnUNetTrainerMuDuoPromptGenerator.config_overrides, "num_epochs": 1}


class nnUNetTrainerMuDuoPromptGenerator_5epochs(nnUNetTrainerMuDuoPromptGenerator):
    """For trying things out."""

    config_overrides = {**nnUNetTrainerMuDuoPromptGenerator.config_overrides, "num_epochs": 5}
