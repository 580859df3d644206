"""A training on disk: each file is whole or not there, and each is a teacher that `load_teacher` reads."""

import os
from dataclasses import asdict
from pathlib import Path

import torch

from nnunetv2_muduo.teachers.checkpoint import CONFIG_KEY, WEIGHTS_KEY
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.teachers.weights import save_teacher

BEST, LAST = "teacher_best.pth", "teacher_last.pth"
TRAINING_KEY = "training"


def save_best(teacher: Sam3DTeacher, folder: Path) -> None:
    """Weights and architecture."""
    part = folder / f"part_{BEST}"
    save_teacher(teacher, part)
    os.replace(part, folder / BEST)


def save_last(teacher: Sam3DTeacher, training: dict, folder: Path) -> None:
    """Weights, architecture, and what it takes to go on: plain values and tensors alone, so that a safe loader reads it."""
    part = folder / f"part_{LAST}"
    content = {WEIGHTS_KEY: teacher.state_dict(), CONFIG_KEY: asdict(teacher.config), TRAINING_KEY: training}
    torch.save(content, part)
    os.replace(part, folder / LAST)


def load_last(teacher: Sam3DTeacher, folder: Path, device: torch.device) -> dict:
    """Put the last weights into `teacher` and return what `save_last` was given."""
    content = torch.load(folder / LAST, map_location=device, weights_only=True)
    teacher.load_state_dict(content[WEIGHTS_KEY])
    return content[TRAINING_KEY]
