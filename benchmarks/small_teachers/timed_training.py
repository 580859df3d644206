"""Training of a small teacher for a number of minutes: prompts from young students, and every voxel's organ."""

import time
from dataclasses import replace

import torch
from torch import nn

from benchmarks.small_teachers.young_students import YoungStudent, segmentation_loss
from nnunetv2_muduo.teacher_training.crops import Crops
from nnunetv2_muduo.teacher_training.trainer import TeacherTraining

PART_WITHOUT_PROMPTS = 0.1  # of the time


class TimedTraining(TeacherTraining):
    """A training whose schedule follows the clock, since other work on the machine changes its speed.

    Prompts alone teach the encoder slowly. So a linear layer for each kind of data, thrown away in the end, tells every voxel's
    organ from the crops' embeddings: first without prompts, then beside them. Every batch is prompted by one of the young
    students, with cases that it has not seen.
    """

    def __init__(self, minutes: float, students: list[YoungStudent], *args):
        super().__init__(*args)
        self.seconds, self.started, self.students = 60 * minutes, time.monotonic(), students
        self.cropper = replace(self.cropper, flip_axes=(), max_organs=256)
        config = self.teacher.config
        width, edge = config.prompt_embed_dim, config.image_size // config.grid_size
        self.heads = nn.ModuleDict(
            {s.kind: nn.ConvTranspose3d(width, 1 + len(s.organs), edge, stride=edge) for s in students}
        )
        self.optimizer.add_param_group({"params": list(self.heads.parameters())})
        self.optimizer.register_step_pre_hook(self._clip_gradients)

    def part_done(self) -> float:
        return (time.monotonic() - self.started) / self.seconds

    def step(self) -> float:
        self.student = self.students[int(torch.randint(len(self.students), (), generator=self.crop_generator))]
        self.volumes = self.student.volumes
        return super().step()

    def loss(self, crops: Crops) -> torch.Tensor:
        embeddings = self.encode(crops.image)
        logits = self.heads[self.student.kind](embeddings)
        of_voxels = segmentation_loss(logits, crops, self.student.organs)
        if self.part_done() < PART_WITHOUT_PROMPTS:
            return of_voxels
        n_prompted = self.settings.max_organs * len(crops.image)
        chosen = torch.randperm(len(crops.organs), generator=self.crop_generator)[:n_prompted].sort().values.tolist()
        return self.loss_of_prompts(embeddings, crops.of_organs(chosen)) + of_voxels

    def _set_learning_rates(self) -> None:
        """All fall together; the linear layers' is ten times the encoder's, which would otherwise wait for them."""
        rates = self.settings.lr, self.settings.decoder_lr, 10 * self.settings.lr
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * max(0.0, 1 - self.part_done()) ** 0.9

    def _clip_gradients(self, *_) -> None:
        nn.utils.clip_grad_norm_(self.teacher.parameters(), 1.0)

    def maps_of_a_student(self, crops: Crops) -> torch.Tensor:
        return self.student.maps(crops)
