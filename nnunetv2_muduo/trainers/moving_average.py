"""Moving average of the student's own weights, as Mean Teacher has it (Tarvainen and Valpola 2017, arXiv 1703.01780)."""

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from nnunetv2_muduo.trainers.distributed import bare
from nnunetv2_muduo.trainers.semi_supervised import SemiSupervisedTrainer


class MovingAverageTrainer(SemiSupervisedTrainer):
    """Semi-supervised training that keeps the average in `mean_teacher`; its config has the field `ema_decay`."""

    mean_teacher: AveragedModel
    """The average, from `initialize` on, where `keeps_average`."""

    @property
    def keeps_average(self) -> bool:
        """Whether the config asks for an average. Always, if not overridden."""
        return True

    @torch.no_grad()
    def average_probs(self, view: Tensor, n_at_a_time: int | None = None) -> Tensor:
        """Probabilities of the moving average on a view [B, C, a, b, c]: [B, 1 + n_organs, a, b, c], float32.

        Args:
            n_at_a_time: patches that pass together; all, if None.
        """
        with self._autocast():
            outputs = [self.full_resolution(self.mean_teacher(part)) for part in view.split(n_at_a_time or len(view))]
        return torch.cat(outputs).float().softmax(1)

    def initialize(self):
        super().initialize()
        if self.keeps_average:
            self.mean_teacher = AveragedModel(bare(self.network), multi_avg_fn=self._average).requires_grad_(False)

    def before_training(self) -> None:
        super().before_training()
        if self.keeps_average and int(self.mean_teacher.n_averaged) == 0:
            # nnU-Net has read weights to start from after `initialize`.
            self.mean_teacher.module.load_state_dict(bare(self.network).state_dict())

    def _average(self, means: list[Tensor], own: list[Tensor], n_updates: Tensor) -> None:
        """Update all means in place; the first update, which copies the weights, is AveragedModel's own."""
        decay = min(1 - 1 / (int(n_updates) + 1), self.muduo_config.ema_decay)
        torch._foreach_lerp_(means, own, 1 - decay)

    def on_student_updated(self) -> None:
        super().on_student_updated()
        if self.keeps_average:
            self.mean_teacher.update_parameters(bare(self.network))

    def own_state(self) -> dict:
        average = {"mean_teacher": self.mean_teacher.state_dict()} if self.keeps_average else {}
        return {**super().own_state(), **average}

    def restore(self, state: dict) -> None:
        super().restore(state)
        if self.keeps_average and "mean_teacher" in state:  # a validation may ask for one that the training had not
            self.mean_teacher.load_state_dict(state["mean_teacher"])
