"""Base of generators: networks trained by `muduo prepare`, whose answers on the unlabeled cases teach another training."""

import uuid
from functools import cached_property
from pathlib import Path
from typing import Any

from nnunetv2_muduo.checkpoints import STATE_KEY
from nnunetv2_muduo.config import TrainingConfig
from nnunetv2_muduo.trainers.base import MuDuoTrainer
from nnunetv2_muduo.trainers.requirements import training_identity


class GeneratorTrainer(MuDuoTrainer):
    """A trainer that keeps in its checkpoints what it was made from and which training made it."""

    trains = "generator"

    earlier_checkpoint: str | None = None
    """File name of an earlier moment of the training whose answers are compared with the final ones; None: they are not."""

    @classmethod
    def own_identity(cls, config: TrainingConfig) -> dict[str, Any]:
        """What this generator is made from beside plans, patch, labels and schedule; `config` may be its student's."""
        return {}

    def generator_schedule(self) -> list[int]:
        """Epochs, and iterations of each."""
        return [self.num_epochs, self.num_iterations_per_epoch]

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What this generator is made from."""
        return training_identity(self, type(self))

    @cached_property
    def generator_id(self) -> str:
        """Which training made this generator: its answers are known by it. Kept when the training is continued."""
        return uuid.uuid4().hex

    def muduo_state(self) -> dict:
        return {**super().muduo_state(), "generator": self.identity, "generator_id": self.generator_id}

    def load_checkpoint(self, filename_or_checkpoint: str) -> None:
        super().load_checkpoint(filename_or_checkpoint)
        self.generator_id = self.my_init_kwargs[STATE_KEY]["generator_id"]

    def accept_checkpoint(self, state: dict, path: Path) -> None:
        """What the student does with a generator's answers does not concern it: see `data.generator_identity`."""
