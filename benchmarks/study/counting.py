"""What trainings cost: steps, and floating-point operations by whatever networks take part in them."""

import re

import torch
from torch.utils.flop_counter import FlopCounterMode

from nnunetv2_muduo.check.estimates import count_batch
from nnunetv2_muduo.imageio.modalities import channel_names
from nnunetv2_muduo.storage import read_json
from nnunetv2_muduo.teacher_training.train2d.training import HISTORY
from nnunetv2_muduo.trainers.fine_tuning import fine_tuned_file, fine_tuning, settings_of
from nnunetv2_muduo.trainers.student_channels import numbers_of_channels


def no_costs() -> dict[str, float]:
    """`steps`, `seconds` and `tflop` (10^12 operations) of nothing."""
    return dict.fromkeys(("steps", "seconds", "tflop"), 0.0)


class CountedTraining:
    """Goes before a trainer among a class's bases: counts its steps and, in the first of every epoch, its operations.

    Convolutions and matrix products of student, moving averages, teachers and discriminators count alike, forward and
    backward; validation does not. Of a supervised step it is what `nnunetv2_muduo.check.estimates` counts without values.
    """

    def initialize(self):
        self.n_steps, self.counted_flops, self._counted_epoch = 0, [], None
        super().initialize()

    def train_step(self, batch: dict) -> dict:
        self.n_steps += 1
        if self._counted_epoch == self.current_epoch:
            return super().train_step(batch)
        self._counted_epoch = self.current_epoch
        with FlopCounterMode(display=False) as counter:
            outcome = super().train_step(batch)
        self.counted_flops.append(counter.get_total_flops())
        return outcome

    def costs(self) -> dict[str, float]:
        """Steps, and operations of all of them."""
        mean = float(torch.tensor(self.counted_flops, dtype=torch.float64).mean())
        return {"steps": self.n_steps, "tflop": self.n_steps * mean / 1e12}


def generator_costs(trainer) -> dict[str, float]:
    """What the generator of an initialized trainer has cost, by its log and by a count on PyTorch's meta device.

    Of a fine-tuned SAM, by its record and by the count of a step.
    """
    if getattr(trainer, "needs_fine_tuned_sam", False):
        return _fine_tuning_costs(trainer)
    if not getattr(trainer, "prompt_generator", None):
        return no_costs()
    folder = trainer.preparation.generator_folder
    logs = [log.read_text(encoding="utf-8") for log in folder.glob("training_log*.txt")]
    seconds = sum(float(epoch) for log in logs for epoch in re.findall(r"Epoch time: ([\d.]+) s", log))
    n_epochs, n_iterations = trainer.generator_schedule()
    channels = trainer.preparation.generator_class.config_overrides.get("student_channels", "all")
    n_channels = len(numbers_of_channels(channels, channel_names(trainer.dataset_json)))
    settings, n_labels = trainer.configuration_manager.configuration, trainer.label_manager.num_segmentation_heads
    steps = n_epochs * n_iterations
    count = count_batch(settings, n_channels, n_labels)
    return {"steps": steps, "seconds": seconds, "tflop": steps * count.step_flops / 1e12}


def _fine_tuning_costs(trainer) -> dict[str, float]:
    file, settings = fine_tuned_file(trainer), settings_of(trainer.muduo_config)
    training = fine_tuning(trainer, settings, file.parent)
    with FlopCounterMode(display=False) as counter:
        training.loss(next(training.draw(0))).backward()
    steps, seconds = settings.n_iterations, read_json(file.with_name(HISTORY))["seconds"]
    return {"steps": steps, "seconds": seconds, "tflop": steps * counter.get_total_flops() / 1e12}
