"""Prompt generator: a PET-only nnU-Net on exactly the fold's labeled cases, whose frozen answer prompts the teachers."""

import uuid
from functools import cached_property
from pathlib import Path

from torch import nn

from nnunetv2_muduo.checkpoints import STATE_KEY
from nnunetv2_muduo.data.views import PET_CHANNEL
from nnunetv2_muduo.trainers.base import MuDuoTrainer
from nnunetv2_muduo.trainers.requirements import training_identity
from nnunetv2_muduo.trainers.student_channels import PLANS_KEY


class nnUNetTrainerMuDuoPromptGenerator(MuDuoTrainer):
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

    def generator_schedule(self) -> list[int]:
        """Epochs, and iterations of each."""
        return [self.num_epochs, self.num_iterations_per_epoch]

    @cached_property
    def identity(self) -> dict:
        """What this generator is made from; kept in its checkpoint."""
        return training_identity(self)

    @cached_property
    def generator_id(self) -> str:
        """Which training made this generator: prompt maps know it by this. Kept when the training is continued."""
        return uuid.uuid4().hex

    def muduo_state(self) -> dict:
        return {**super().muduo_state(), "generator": self.identity, "generator_id": self.generator_id}

    def load_checkpoint(self, filename_or_checkpoint: str) -> None:
        super().load_checkpoint(filename_or_checkpoint)
        self.generator_id = self.my_init_kwargs[STATE_KEY]["generator_id"]

    def accept_checkpoint(self, state: dict, path: Path) -> None:
        """What the student does with the generator's answers does not concern the generator: see `data.generator_identity`."""


class nnUNetTrainerMuDuoPromptGenerator_1epoch(nnUNetTrainerMuDuoPromptGenerator):
    """For trying things out."""

    config_overrides = {**nnUNetTrainerMuDuoPromptGenerator.config_overrides, "num_epochs": 1}


class nnUNetTrainerMuDuoPromptGenerator_5epochs(nnUNetTrainerMuDuoPromptGenerator):
    """For trying things out."""

    config_overrides = {**nnUNetTrainerMuDuoPromptGenerator.config_overrides, "num_epochs": 5}
