"""Training of a small teacher for a number of minutes: prompts from young students, and every voxel's organ."""

import time
from dataclasses import replace

import torch
from torch import nn

from benchmarks.small_teachers.young_students import YoungStudent, segmentation_loss
from nnunetv2_muduo.teacher_training.checkpoints import load_last
from nnunetv2_muduo.teacher_training.crops import Crops
from nnunetv2_muduo.teacher_training.trainer import TeacherTraining

PART_WITHOUT_PROMPTS = 0.1  # of the time
PART_OF_WARM_UP = 0.05  # of the time: new layers and a new optimizer don't spoil what a teacher knows already
MIRRORED_PART = 0.5  # of the batches; in the others bodies lie as in the study


class TimedTraining(TeacherTraining):
    """A training whose schedule follows the clock, since other work on the machine changes its speed.

    Prompts alone teach the encoder slowly. So a linear layer for each kind of data, thrown away in the end, tells every voxel's
    organ from the crops' embeddings: first without prompts, then beside them. Every batch is prompted by one of the young
    students, with cases that it has not seen.

    Half of the batches are mirrored at random, as files are stored in many orientations. The students know one orientation alone,
    and for the layers the left kidney of a body whose sides are exchanged is a right one.
    """

    def __init__(self, minutes: float, students: list[YoungStudent], *args, goes_on: bool = False):
        super().__init__(*args)
        self.goes_on, self.all_volumes = goes_on, self.volumes
        self.seconds, self.started, self.students = 60 * minutes, time.monotonic(), students
        self.cropper = replace(self.cropper, flip_axes=(), max_organs=256)
        config = self.teacher.config
        width, edge = config.prompt_embed_dim, config.image_size // config.grid_size
        self.heads = nn.ModuleDict(
            {s.kind: nn.ConvTranspose3d(width, 1 + len(s.organs), edge, stride=edge) for s in students}
        )
        self.optimizer.add_param_group({"params": list(self.heads.parameters())})
        self.optimizer.register_step_pre_hook(self._clip_gradients)

    def run(self) -> None:
        """Train for the time that is left; where a teacher goes on, it counts as the first moment to choose from."""
        if self.goes_on and not self.history:
            self.validate_and_save(print)
        super().run()

    def state(self) -> dict:
        """As a training without a clock has it, and the time that is behind and the layers."""
        clock = {"seconds": time.monotonic() - self.started, "layers": self.heads.state_dict()}
        return {**super().state(), "cases": sorted(volume.name for volume in self.all_volumes), **clock}

    def resume(self) -> None:
        """Go on from the last checkpoint with the time that was left then."""
        super().resume()
        state = load_last(self.teacher, self.folder, self.device)
        self.heads.load_state_dict(state["layers"])
        self.started = time.monotonic() - state["seconds"]

    def part_done(self) -> float:
        return (time.monotonic() - self.started) / self.seconds

    def step(self) -> float:
        self.student = self.students[int(torch.randint(len(self.students), (), generator=self.crop_generator))]
        self.volumes = self.student.volumes
        return super().step()

    def loss(self, crops: Crops) -> torch.Tensor:
        self.mirrored = self._axes_to_mirror()
        crops = mirror(crops, self.mirrored)
        embeddings = self.encode(crops.image)
        logits = self.heads[self.student.kind](embeddings)
        of_voxels = segmentation_loss(logits, self._as_layers_see(crops), self.student.organs)
        if not self.goes_on and self.part_done() < PART_WITHOUT_PROMPTS:
            return of_voxels
        n_prompted = self.settings.max_organs * len(crops.image)
        chosen = torch.randperm(len(crops.organs), generator=self.crop_generator)[:n_prompted].sort().values.tolist()
        return self.loss_of_prompts(embeddings, crops.of_organs(chosen)) + of_voxels

    def _set_learning_rates(self) -> None:
        """All fall together; the linear layers' is ten times the encoder's, which would otherwise wait for them."""
        done = self.part_done()
        warm = min(1.0, done / PART_OF_WARM_UP) if self.goes_on else 1.0
        rates = warm * self.settings.lr, warm * self.settings.decoder_lr, 10 * self.settings.lr
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * max(0.0, 1 - done) ** 0.9

    def _clip_gradients(self, *_) -> None:
        nn.utils.clip_grad_norm_(self.teacher.parameters(), 1.0)

    def _axes_to_mirror(self) -> list[int]:
        part, *draws = torch.rand(4, generator=self.crop_generator).tolist()
        return [axis for axis, draw in enumerate(draws) if draw < 0.5] if part < MIRRORED_PART else []

    def _as_layers_see(self, crops: Crops) -> Crops:
        """The crops, with the names of left and right exchanged where an odd number of axes is mirrored."""
        known = self.student.organs
        names = [other if (other := other_side(organ)) in known else organ for organ in crops.organs]
        return replace(crops, organs=names) if len(self.mirrored) % 2 else crops

    def maps_of_a_student(self, crops: Crops) -> torch.Tensor:
        maps = self.student.maps(mirror(crops, self.mirrored))
        return maps.flip([1 + axis for axis in self.mirrored])


def mirror(crops: Crops, axes: list[int]) -> Crops:
    """All crops flipped along some of their three axes."""
    return replace(
        crops,
        image=crops.image.flip([2 + axis for axis in axes]),
        truth_mask=crops.truth_mask.flip([1 + axis for axis in axes]),
        labeled_mask=crops.labeled_mask.flip([1 + axis for axis in axes]),
    )


def other_side(organ: str) -> str:
    """The name of the organ on the other side: left for right."""
    sides = {"left": "right", "right": "left"}
    return "_".join(sides.get(word, word) for word in organ.split("_"))
