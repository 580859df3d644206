"""Uncertainty-aware Mean Teacher, UA-MT (Yu et al. 2019, arXiv 1907.07034): agreement where the moving average is certain.

Own reading: the paper segments one organ, so that its threshold and its divisor are written for two classes; here they are
those of n classes (ln n and n), where MuDuo's port keeps ln 2 and 2, has 4 passes for 8, and counts its ramp-up in iterations
where its other methods count epochs. nnU-Net's networks have no dropout, the paper's V-Net has: the teacher alone gets one at its
bottleneck, so that the student stays nnU-Net's. Passes run one after the other, in the memory of one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from nnunetv2_muduo.config import positive, share
from nnunetv2_muduo.distillation.uncertainty import (
    entropy_nats,
    entropy_threshold_nats,
    masked_squared_difference,
    mean_of_passes,
)
from nnunetv2_muduo.trainers import distributed
from nnunetv2_muduo.trainers.mean_teacher import MeanTeacherConfig, nnUNetTrainerMeanTeacher
from nnunetv2_muduo.trainers.semi_supervised import StepCosts, UnlabeledPatches
from nnunetv2_muduo.trainers.unsupported import part_of


@dataclass(frozen=True)
class UAMeanTeacherConfig(MeanTeacherConfig):
    """UA-MT's choices, beside Mean Teacher's."""

    uncertainty_passes: int = positive(8)
    """Noisy passes of the teacher over which its uncertainty is measured (the paper's T)."""

    teacher_dropout: float = share(0.3)
    """Share of channels at the teacher's bottleneck that a pass drops, where the plan's network has no dropout of its own."""


class nnUNetTrainerUAMeanTeacher(nnUNetTrainerMeanTeacher):
    """Mean Teacher whose loss leaves out voxels that the teacher's noisy passes disagree about."""

    config_class = UAMeanTeacherConfig
    logged = ("certain_voxels",)

    @classmethod
    def step_costs(cls, config: UAMeanTeacherConfig) -> StepCosts:
        return StepCosts(further_passes=1 + config.uncertainty_passes)

    def initialize(self):
        super().initialize()
        teacher = self.mean_teacher.module
        if not any(isinstance(part, _DropoutNd) and part.p > 0 for part in teacher.modules()):
            part_of(teacher, "encoder.stages", type(self).__name__)[-1].register_forward_hook(self._drop_channels)

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict]:
        target_probs = self.teacher_probs(patches.student_view)
        n_passes = self.muduo_config.uncertainty_passes
        mean_probs = mean_of_passes(self.teacher_probs(patches.student_view) for _ in range(n_passes))
        threshold = entropy_threshold_nats(self.current_epoch, self.num_epochs, student_logits.shape[1])
        certain_mask = entropy_nats(mean_probs) < threshold
        certain_share = certain_mask.float().mean()
        loss = masked_squared_difference(student_logits.softmax(1), target_probs, certain_mask)
        # Divided by the share in the batch of all GPUs, so that each certain voxel counts the same.
        certain_in_batch = distributed.mean_over_patches(certain_share, len(target_probs))
        return loss / certain_in_batch.clamp(min=1e-8), {"certain_voxels": certain_share.cpu().numpy()}

    def _drop_channels(self, _stage: nn.Module, _inputs: tuple[Tensor], features: Tensor) -> Tensor:
        """Dropout of whole channels, with the noise's own random numbers."""
        kept_share = 1 - self.muduo_config.teacher_dropout
        chances = torch.full((*features.shape[:2], 1, 1, 1), kept_share, device=features.device)
        return features * torch.bernoulli(chances, generator=self.noise_generator).to(features.dtype) / kept_share
