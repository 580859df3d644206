"""The prompt generator: a PET-only nnU-Net on exactly the fold's labeled cases, whose frozen answer prompts the teachers."""

import uuid
from functools import cached_property
from pathlib import Path

from torch import nn

from nnunetv2_muduo.checkpoints import STATE_KEY
from nnunetv2_muduo.data.views import PET_CHANNEL
from nnunetv2_muduo.trainers.base import MuDuoTrainer
from nnunetv2_muduo.trainers.requirements import training_identity


class nnUNetTrainerMuDuoPromptGenerator(MuDuoTrainer):
    """nnU-Net's own trainer, network and data; the network takes the PET channel alone."""

    @staticmethod
    def build_network_architecture(
        plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision=True
    ) -> nn.Module:
        """nnU-Net's network for one channel, given all channels and picking PET itself; its weights are a stock network's."""
        network = MuDuoTrainer.build_network_architecture(
            plans_manager, configuration_manager, 1, num_output_channels, enable_deep_supervision
        )
        network.register_forward_pre_hook(_pick_pet)
        return network

    def _apply_schedule(self):
        super()._apply_schedule()
        self.num_epochs = self.muduo_config.prompt_generator_num_epochs or self.num_epochs

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
        """What the student does with the generator's answers does not concern the generator: see `data.generator`."""


def _pick_pet(_network: nn.Module, inputs: tuple):
    return (inputs[0][:, PET_CHANNEL : PET_CHANNEL + 1],)


class nnUNetTrainerMuDuoPromptGenerator_1epoch(nnUNetTrainerMuDuoPromptGenerator):
    """For trying things out."""

    config_overrides = {"num_epochs": 1}


class nnUNetTrainerMuDuoPromptGenerator_5epochs(nnUNetTrainerMuDuoPromptGenerator):
    """For trying things out."""

    config_overrides = {"num_epochs": 5}
