"""Mean Teacher (Tarvainen and Valpola 2017, arXiv 1703.01780): agreement with the moving average of the student's own weights.

    unlabeled patch ─┬─────────► student ─► probabilities ─┬─► mean squared difference
                     └─ noise ─► average ─► probabilities ─┘

Own reading: the average starts with the student's weights, where MuDuo's port (after SSL4MIS) draws others, which its first
update replaces anyway; noise is added to what nnU-Net has normalized, where the port's, of the same size, is added to whatever it
loads; the ramp-up takes a fifth of the training (`semi_supervised`). nnU-Net's loss is twice the port's, cross-entropy plus Dice
instead of their mean, so that 0.1 is half as much against it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from nnunetv2_muduo.config import TrainingConfig, positive, share, weight
from nnunetv2_muduo.data.loader import resume_generator
from nnunetv2_muduo.trainers.moving_average import MovingAverageTrainer
from nnunetv2_muduo.trainers.semi_supervised import StepCosts, UnlabeledPatches


@dataclass(frozen=True)
class MeanTeacherConfig(TrainingConfig):
    """Mean Teacher's choices."""

    consistency_weight: float = weight(0.1)
    """Weight of the unlabeled loss at the end of its ramp-up, against nnU-Net's loss. 0 is plain nnU-Net."""

    ema_decay: float = share(0.99)
    """Share of the old average that remains at each step; less in the first steps, so that the average follows at once."""

    input_noise: float = positive(0.1)
    """Standard deviation of the noise on the teacher's normalized input, which is cut off at twice as much."""


class nnUNetTrainerMeanTeacher(MovingAverageTrainer):
    """Mean squared error between the probabilities of the student and those of its moving average, whose input is noisy."""

    config_class = MeanTeacherConfig

    @classmethod
    def step_costs(cls, config: MeanTeacherConfig) -> StepCosts:
        return StepCosts(further_passes=1)

    def initialize(self):
        super().initialize()
        # Own generator, so that noise changes no other random number of the training.
        self.noise_generator = torch.Generator(self.device).manual_seed(torch.initial_seed() + self.local_rank)

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict]:
        return (student_logits.softmax(1) - self.teacher_probs(patches.student_view)).square().mean(), {}

    def teacher_probs(self, view: Tensor) -> Tensor:
        """Probabilities of the moving average, whose input is noisy: [B, 1 + n_organs, a, b, c], float32."""
        return self.average_probs(view + self._noise(view))

    def _noise(self, view: Tensor) -> Tensor:
        noise = torch.randn(view.shape, generator=self.noise_generator, device=view.device, dtype=view.dtype)
        return self.muduo_config.input_noise * noise.clamp(-2, 2)

    def random_states(self) -> dict:
        return {**super().random_states(), "noise": self.noise_generator.get_state()}

    def set_random_states(self, states: dict) -> None:
        super().set_random_states(states)
        resume_generator(self.noise_generator, states["noise"])
