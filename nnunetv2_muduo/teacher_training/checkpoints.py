"""Checkpoints of a teacher's training: each is whole or not there, and each is a teacher that `load_teacher` reads."""

from dataclasses import asdict
from pathlib import Path

import torch

from nnunetv2_muduo.storage import replacing
from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teachers.checkpoint import CONFIG_KEY, MODALITY_KEY, WEIGHTS_KEY
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.teachers.weights import save_teacher

BEST, LAST = "teacher_best.pth", "teacher_last.pth"
TRAINING_KEY = "training"


def save_best(teacher: Sam3DTeacher, modality: str, folder: Path) -> None:
    """Weights, architecture and modality."""
    with replacing(folder / BEST) as part:
        save_teacher(teacher, part, modality)


def save_last(teacher: Sam3DTeacher, modality: str, training: dict, folder: Path) -> None:
    """Weights, architecture, modality, and what it takes to go on: plain values and tensors, so that a safe loader reads it."""
    about = {CONFIG_KEY: asdict(teacher.config), MODALITY_KEY: modality}
    content = {WEIGHTS_KEY: teacher.state_dict(), **about, TRAINING_KEY: training}
    with replacing(folder / LAST) as part:
        torch.save(content, part)


def differing_settings(folder: Path, settings: TrainingSettings) -> list[str]:
    """Names of the settings that the training in a folder was begun with another value of."""
    state = torch.load(folder / LAST, map_location="cpu", weights_only=True, mmap=True)[TRAINING_KEY]
    theirs = {**asdict(TrainingSettings(settings.modality)), **state["settings"]}  # older ones lack some
    return [name for name, value in asdict(settings).items() if theirs[name] != value]


def refusal_to_continue(folder: Path, differing: list[str]) -> ValueError:
    """The error of a training that is to go on otherwise than it was begun."""
    return ValueError(f"the training in {folder} has another {', '.join(differing)}; continue it as it was begun")


def load_last(teacher: Sam3DTeacher, folder: Path, device: torch.device) -> dict:
    """Put the last weights into `teacher` and return what `save_last` was given."""
    content = torch.load(folder / LAST, map_location=device, weights_only=True)
    teacher.load_state_dict(content[WEIGHTS_KEY])
    return content[TRAINING_KEY]
