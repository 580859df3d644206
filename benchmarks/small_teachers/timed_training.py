"""Training of a small teacher for a number of minutes: prompts from young students, and every voxel's organ."""

import torch

from benchmarks.small_teachers.clock_training import ClockTraining, falling
from benchmarks.small_teachers.young_students import YoungStudent
from nnunetv2_muduo.teacher_training.crops import Crops
from nnunetv2_muduo.teacher_training.organ_head import HEAD_LR, OrganHeadTraining, mirror
from nnunetv2_muduo.teacher_training.volumes import Volume

PART_WITHOUT_PROMPTS = 0.1  # of the time
PART_SIMULATED = 0.5  # of the batches; the others' maps are a young student's


class TimedTraining(OrganHeadTraining, ClockTraining):
    """A training by the clock, with layers for voxels' organs and prompts from young students.

    Every batch has cases that one of the young students has not seen; half of the batches are prompted by its maps, half by
    simulated ones, which are worse. A teacher with random weights first learns the organs of voxels alone.
    """

    def __init__(self, minutes: float, students: list[YoungStudent], *args, goes_on: bool = False):
        super().__init__(minutes, *args, goes_on=goes_on)
        self.students = students

    def volumes_of_batch(self) -> list[Volume]:
        """Volumes that the student which prompts has not seen."""
        self.student = self.students[int(torch.randint(len(self.students), (), generator=self.crop_generator))]
        self.kind = self.student.kind
        return self.student.volumes

    def loss_of_prompts(self, embeddings: torch.Tensor, crops: Crops) -> torch.Tensor:
        """Nothing at the beginning of a training from random weights."""
        if not self.goes_on and self.part_done() < PART_WITHOUT_PROMPTS:
            return embeddings.new_zeros(())
        return super().loss_of_prompts(embeddings, crops)

    def rates(self, done: float) -> tuple[float, ...]:
        """The layers, which are always new, need no warm-up."""
        return *super().rates(done)[:-1], falling(HEAD_LR * self.settings.lr, done)

    def maps_of_a_student(self, crops: Crops) -> torch.Tensor:
        """Simulated maps, or the student's of the crops as it knows them: students know one orientation alone."""
        if torch.rand((), generator=self.prompt_generator, device=self.device) < PART_SIMULATED:
            return super().maps_of_a_student(crops)
        maps = self.student.maps(mirror(crops, self.mirrored))
        return maps.flip([1 + axis for axis in self.mirrored])
