"""Numbers of epochs and iterations: what a trainer's class sets in `__init__` stands, unless the config says otherwise."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from tempfile import TemporaryDirectory

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunetv2_muduo.config import field_names
from nnunetv2_muduo.nnunet_schedule import NNUNET_SCHEDULE
from nnunetv2_muduo.trainer_classes import trainer_class


def set_schedule(trainer: nnUNetTrainer, **wanted: int | None) -> None:
    """Set the numbers that the config gives (None: it gives none); where the trainer's class has others, the log names both."""
    for name, value in wanted.items():
        own = getattr(trainer, name)
        if value in (None, own):
            continue
        setattr(trainer, name, value)
        if own != NNUNET_SCHEDULE[name]:
            trainer.print_to_log_file(
                f"{name}: {value}, as the config says, not {own} as {type(trainer).__name__} does."
            )


def follow_student(generator: nnUNetTrainer, student: nnUNetTrainer) -> None:
    """Give a prompt generator, before it is initialized, the config fields of its student's class that it reads, and the schedule
    that the student's class sets where the generator's own class sets none."""
    known = field_names(generator.config_class)
    of_student = {name: value for name, value in student.config_overrides.items() if name in known}
    generator.config_overrides = {**of_student, **generator.config_overrides}
    for name, of_nnunet in NNUNET_SCHEDULE.items():
        if getattr(generator, name) == of_nnunet:
            setattr(generator, name, getattr(student, name))


def generator_schedule(student: nnUNetTrainer) -> list[int]:
    """Epochs, and iterations of each, of the prompt generator that belongs to an initialized student."""
    plans = {**student.my_init_kwargs["plans"], "continue_training": True}
    with leaving_no_results():
        generator = trainer_class(student.prompt_generator)(
            plans, student.configuration_name, student.fold, student.dataset_json, student.device
        )
        follow_student(generator, student)
        generator.read_config()
    return [generator.num_epochs, generator.num_iterations_per_epoch]


@contextmanager
def leaving_no_results() -> Iterator[None]:
    """For a trainer that is built to be asked: its results folder is thrown away, and nothing is printed or tracked."""
    with results_thrown_away(), redirect_stdout(io.StringIO()):
        yield


@contextmanager
def results_thrown_away() -> Iterator[None]:
    """For trainers that are built before it is known where their results belong, if they have any: no run of W&B starts."""
    with TemporaryDirectory() as folder:
        before = {name: os.environ.get(name) for name in ("nnUNet_results", "nnUNet_wandb_enabled")}
        os.environ.update(nnUNet_results=folder, nnUNet_wandb_enabled="0")
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                os.environ.update({} if value is None else {name: value})
