"""Preparations of a training: one for each generator that it needs, first to last, of trainers built as nnU-Net's commands do."""

from dataclasses import dataclass
from pathlib import Path

import torch
from nnunetv2.run.run_training import get_trainer_from_args

from nnunetv2_muduo.trainers.requirements import Preparation
from nnunetv2_muduo.trainers.schedule import follow_student, leaving_no_results, results_thrown_away


@dataclass(frozen=True)
class Training:
    """Which training is being prepared, in the words of `nnUNetv2_train`."""

    dataset: str
    configuration: str
    fold: str
    plans: str
    trainer: str
    device: torch.device


def preparations_of(student: type, training: Training) -> list[Preparation]:
    """Of each generator's initialized trainer, as the student's needs it; of the student's own where it has no generator.

    The student's is initialized in either case: what it refuses is said in its name. Generators that only led to a later one
    that is there are left out.
    """
    if student.prompt_generator is None:
        return [_of_student(student, training)]
    with leaving_no_results(), torch.random.fork_rng(devices=[]):  # building a network draws random numbers
        asked = _built(student.__name__, training)
        asked.initialize()
    preparations = [_of_generator(name, asked, training) for name in asked.generators(asked.muduo_config)]
    there = [i for i, each in enumerate(preparations) if each.why_no_generator() is None]
    return preparations[max(there, default=0) :]


def _of_student(student: type, training: Training) -> Preparation:
    with results_thrown_away():
        trainer = _built(student.__name__, training)
        trainer.initialize()
        preparation = Preparation(trainer, None)
        first_lines = Path(trainer.log_file).read_text(encoding="utf-8")
    _place(trainer, preparation.stock_folder(student.__name__), first_lines)
    return preparation


def _of_generator(name: str, student, training: Training) -> Preparation:
    """Only what the plans, labels and config are tells where a generator's results belong: its trainer is placed afterwards."""
    with results_thrown_away():
        trainer = _built(name, training)
        follow_student(trainer, student)
        trainer.initialize()
        preparation = Preparation(trainer, name)
        preparation.identity  # noqa: B018  # worked out while there is a log that it can write to
        first_lines = Path(trainer.log_file).read_text(encoding="utf-8")
    _place(trainer, preparation.generator_folder, first_lines)
    return preparation


def _place(trainer, folder: Path, first_lines: str) -> None:
    """Let a trainer that was built elsewhere write its results and its log, of which there are lines, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    trainer.output_folder, trainer.output_folder_base = str(folder), str(folder.parent)
    trainer.log_file = str(folder / Path(trainer.log_file).name)
    with open(trainer.log_file, "a", encoding="utf-8") as log:
        log.write(first_lines)


def _built(name: str, training: Training):
    return get_trainer_from_args(
        training.dataset,
        training.configuration,
        training.fold if training.fold == "all" else int(training.fold),
        name,
        training.plans,
        continue_training=True,
        device=training.device,
    )
