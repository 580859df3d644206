"""Self-training: a network labels the unlabeled cases once, and another one learns from labels and these labels.

    generation 0   labeled cases ──────────────────────────► network ─► labels of the unlabeled cases (kept, with their origin)
    generation 1   labeled cases, unlabeled ones with labels ► network ─► labels ...     or, the last one, the student
    unlabeled patch ─► student ─► logits ─► nnU-Net's loss against the labels of the generation before

Cases whose labels differ most between two moments of the labeling network's training are left out: ST++ (Yang et al. 2022,
arXiv 2106.05095) takes this for the sign of wrong labels. Own reading: ST++ labels them in a second round and adds strong
augmentation of its own; here `generations` says how many rounds there are, each labels all cases anew, and the augmentation is
nnU-Net's. Every network starts from initial weights of its own and has the student's channels, patch and schedule. MuDuo's
release has no such method.
"""

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from torch import Tensor

from nnunetv2_muduo.config import TrainingConfig, positive, share, weight
from nnunetv2_muduo.data.label_stability import least_stable
from nnunetv2_muduo.distillation.losses import disagreement
from nnunetv2_muduo.trainers.generator import GeneratorTrainer
from nnunetv2_muduo.trainers.semi_supervised import SemiSupervisedTrainer, UnlabeledPatches

MOST_GENERATIONS = 3
EARLIER_SHARE = 2 / 3  # of the training, as of ST++'s three moments the one before the last


@dataclass(frozen=True)
class SelfTrainingConfig(TrainingConfig):
    """Choices of self-training."""

    consistency_weight: float = weight(1.0)
    """Weight of the loss against the kept labels at the end of its ramp-up, against nnU-Net's loss on the labeled cases."""

    generations: int = positive(1, most=MOST_GENERATIONS)
    """Networks that learn from labels of the one before; the last is the student. Each costs a training."""

    dropped_share: float = share(0.25)
    """Share of the unlabeled cases that is left out: those whose labels were least stable."""


class nnUNetTrainerSelfTraining(SemiSupervisedTrainer):
    """nnU-Net's network, trained on the labeled cases and on the labels that the generation before gave the unlabeled ones."""

    config_class = SelfTrainingConfig
    prompt_generator = "nnUNetTrainerSelfTraining_Generation0"
    logged = ("disagreement",)

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict]:
        labels = self._to_device(patches.prompt_map)
        student_labels = student_logits.detach().argmax(1, keepdim=True)
        return self.loss_of_labels(student_logits, labels), {"disagreement": disagreement(student_labels, labels)}

    @classmethod
    def generators(cls, config: SelfTrainingConfig) -> tuple[str, ...]:
        return tuple(f"nnUNetTrainerSelfTraining_Generation{number}" for number in range(config.generations))

    def read_config(self) -> None:
        super().read_config()
        self.prompt_generator = self.generators(self.muduo_config)[-1]

    def before_training(self) -> None:
        """Leave the least stable cases out."""
        super().before_training()
        folder, n = self.preparation.prompt_map_folder, int(self.muduo_config.dropped_share * len(self.unlabeled_cases))
        dropped = least_stable(folder, self.unlabeled_cases, n)
        self.unlabeled_cases = [case for case in self.unlabeled_cases if case not in dropped]
        if dropped:
            said = ", ".join(f"{case} ({stability:.2f})" for case, stability in sorted(dropped.items()))
            self.print_to_log_file(
                f"Left out, the {n} cases whose labels changed most between two moments of the training that labeled them (Dice "
                f"of the two): {said}."
            )


class _LabelingTrainer(GeneratorTrainer):
    """A generation that labels the unlabeled cases, at the end of its training and at an earlier moment."""

    config_class = SelfTrainingConfig
    earlier_checkpoint = "checkpoint_earlier.pth"

    @classmethod
    def own_identity(cls, config: SelfTrainingConfig) -> dict[str, Any]:
        return {"channels": config.student_channels}

    def on_epoch_end(self):
        """Keep the earlier moment: before nnU-Net saves the epoch, so that a training that goes on has it or comes by again."""
        if self.current_epoch + 1 == ceil(EARLIER_SHARE * self.num_epochs):
            self.save_checkpoint(str(Path(self.output_folder, self.earlier_checkpoint)))
        super().on_epoch_end()


class nnUNetTrainerSelfTraining_Generation0(_LabelingTrainer):
    """The first network: supervised training on the labeled cases."""

    trains = "first network of self-training"


class _LaterGeneration(_LabelingTrainer, nnUNetTrainerSelfTraining):
    @classmethod
    def own_identity(cls, config: SelfTrainingConfig) -> dict[str, Any]:
        fields = ("consistency_weight", "ramp_up_epochs", "unlabeled_batch_size", "dropped_share")
        own = {**cls.config_overrides, **{name: getattr(config, name) for name in fields}}
        return {**super().own_identity(config), "self_training": own}


class nnUNetTrainerSelfTraining_Generation1(_LaterGeneration):
    """The second network, which learns from labels of the first."""

    config_overrides = {"generations": 1}
    trains = "second network of self-training"


class nnUNetTrainerSelfTraining_Generation2(_LaterGeneration):
    """The third network, which learns from labels of the second."""

    config_overrides = {"generations": 2}
    trains = "third network of self-training"
