"""What a row's trainer is, and which config it reads."""

import nnunetv2_muduo.trainers as package_trainers
from benchmarks.study import controls
from benchmarks.study.rows import BY_NAME, Row
from benchmarks.study.study_size import StudySize
from nnunetv2_muduo.config import TrainingConfig, field_names
from nnunetv2_muduo.trainers.base import MuDuoTrainer

OF_UNLABELED = ("consistency_weight", "ramp_up_epochs", "unlabeled_batch_size")
"""Shared fields that a training without unlabeled patches does not read."""


def trainer_class(row: Row) -> type[MuDuoTrainer]:
    """The trainer that a row names: the package's, or a control's."""
    return getattr(package_trainers, row.trainer, None) or getattr(controls, row.trainer)


def config_read(row: Row, size: StudySize) -> dict:
    """The fields that a row's training reads, as the trainer resolves them: defaults, size, row and the trainer's own.

    Of an ensemble, those of each of its rows.
    """
    if row.ensemble_of:
        return {name: config_read(BY_NAME[name], size) for name in row.ensemble_of}
    trainer = trainer_class(row)
    known = field_names(trainer.config_class)
    given = {name: value for name, value in row.config(size).items() if name in known}
    config = trainer.config_class(**{**given, **trainer.config_overrides}).to_dict()
    if trainer.needs_unlabeled:
        return config
    shared = field_names(TrainingConfig).difference(OF_UNLABELED)
    return {name: value for name, value in config.items() if name in shared}
