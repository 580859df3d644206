"""Training of a teacher for a number of minutes: its schedule follows the clock, since other work changes a machine's speed."""

import time

from torch import nn

from nnunetv2_muduo.teacher_training.trainer import TeacherTraining

PART_OF_WARM_UP = 0.05  # of the time: a new optimizer doesn't spoil what a teacher knows already


class ClockTraining(TeacherTraining):
    """As `TeacherTraining`, with minutes in the place of iterations; learning rates fall smoothly to 0, gradients are clipped.

    Args:
        goes_on: whether the teacher knows something already; then it counts as the first moment to choose from.
    """

    def __init__(self, minutes: float, *args, goes_on: bool = False):
        super().__init__(*args)
        self.goes_on, self.seconds, self.started = goes_on, 60 * minutes, time.monotonic()
        self.optimizer.register_step_pre_hook(self._clip_gradients)

    def run(self) -> None:
        """Train for the time that is left."""
        if self.goes_on and not self.history:
            self.validate_and_save(print)
        super().run()

    def state(self) -> dict:
        """As a training without a clock has it, and the time that is behind."""
        return {**super().state(), "seconds": time.monotonic() - self.started}

    def restore(self, state: dict) -> None:
        """As a training without a clock does, with the time that was left then."""
        super().restore(state)
        self.started = time.monotonic() - state["seconds"]

    def part_done(self) -> float:
        return (time.monotonic() - self.started) / self.seconds

    def rates(self, done: float) -> tuple[float, ...]:
        """Learning rates that fall smoothly to 0, after a warm-up where the teacher knows something already."""
        warm = min(1.0, done / PART_OF_WARM_UP) if self.goes_on else 1.0
        return warm * falling(self.settings.lr, done), warm * falling(self.settings.decoder_lr, done)

    def _clip_gradients(self, *_) -> None:
        nn.utils.clip_grad_norm_(self.teacher.parameters(), 1.0)


def falling(rate: float, done: float) -> float:
    """A learning rate when a part of the training is done."""
    return rate * max(0.0, 1 - done) ** 0.9
