"""Checkpoints of a teacher's training: each is whole or not there, and each is a teacher that `load_teacher` reads."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

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


def require_as_begun(folder: Path, **now: Any) -> None:
    """Refuse to go on with another training than the one in a folder, as far as is known yet; the network is not needed.

    Args:
        now: entries of the training's state: `settings`, `cases`, `noisy_labels`.

    Raises:
        ValueError: one of them differs, or the file holds no training.
    """
    state = torch.load(folder / LAST, map_location="cpu", weights_only=True, mmap=True).get(TRAINING_KEY)
    if state is None:
        raise ValueError(f"{folder / LAST} holds a teacher, and no training that could be continued. Leave --c out.")
    defaults = asdict(TrainingSettings(state["settings"]["modality"]))  # which older trainings lack some of
    then = {**state, **defaults, **state["settings"]}
    now = {**{key: value for key, value in now.items() if key != "settings"}, **now.get("settings", {})}
    differing = [key for key, value in now.items() if then.get(key) != value]
    if differing:
        raise ValueError(f"the training in {folder} has another {', '.join(differing)}; continue it as it was begun")


def load_last(teacher: Sam3DTeacher, folder: Path, device: torch.device) -> dict:
    """Put the last weights into `teacher` and return what `save_last` was given."""
    content = torch.load(folder / LAST, map_location=device, weights_only=True)
    teacher.load_state_dict(content[WEIGHTS_KEY])
    return content[TRAINING_KEY]
