"""Trainings among nnU-Net's results that use prepared data: which prompt generator, and which prepared cases."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo import storage
from nnunetv2_muduo.checkpoints import STATE_KEY, DamagedCheckpoint, read_checkpoint, resumable
from nnunetv2_muduo.data.generator_identity import GENERATOR_RECORD

_SECONDS_OF_A_SIGN = 24 * 3600  # a training without checkpoint whose log is older has ended


@dataclass(frozen=True)
class Student:
    """A training that is finished, can be resumed, or has just begun."""

    folder: Path
    unlabeled_folder: str
    """Name of the folder of its prepared unlabeled cases, empty where its plans are gone."""
    generator_id: str | None
    """None: it is not known which; "": it uses none."""
    fine_tuned_sam: str | None = None
    """sha256 of the fine-tuned SAM that labels for it. None: it is not known which; "": it uses none."""

    @property
    def name(self) -> str:
        """Trainer, plans, configuration and fold."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    def uses(self, generator_id: str, stem: str) -> bool:
        """Whether a generator teaches it; not known: any of its own plans, configuration and fold (`PLANS__CONFIG__fold_X`)."""
        return stem == stem_of(self.folder) if self.generator_id is None else self.generator_id == generator_id

    def uses_sam(self, sha256: str, stem: str) -> bool:
        """Likewise, whether a fine-tuned SAM labels for it."""
        return stem == stem_of(self.folder) if self.fine_tuned_sam is None else self.fine_tuned_sam == sha256


def stem_of(folder: Path) -> str:
    """`PLANS__CONFIG__fold_X` of a folder of results."""
    return "__".join([*folder.parent.name.split("__")[1:], f"fold_{folder.name.partition('fold_')[2]}"])


def find_students(results: Path, preprocessed: Path) -> list[Student]:
    """All trainings of a data set that use prepared unlabeled cases.

    Args:
        results, preprocessed: the data set's folders.
    """
    students = (_student(folder, preprocessed) for folder in sorted(results.glob("*__*__*/fold_*")) if folder.is_dir())
    return [student for student in students if student is not None]


def _student(folder: Path, preprocessed: Path) -> Student | None:
    checkpoints = resumable(folder)
    if not checkpoints and not _is_alive(folder):
        return None
    noted = storage.read_json(folder / GENERATOR_RECORD)
    state: dict[str, Any] | None = {}
    if checkpoints:
        state = _state(checkpoints[0])
        taught = state is not None and state.get("prompt_generator") is not None
        if state is None or ("generator_id" in state and not taught):  # plain nnU-Net's, or a first generator
            return None
    made_by = state["prompt_generator"] if "prompt_generator" in state else noted
    known = "prompt_generator" in state or noted is not None
    return Student(
        folder,
        _unlabeled_folder(folder, preprocessed),
        generator_id=(made_by or {}).get("id", "") if known else None,
        fine_tuned_sam=(state.get("fine_tuned_sam") or "") if state else None,
    )


def _state(checkpoint: Path) -> dict[str, Any] | None:
    """Our own entries of a checkpoint, None where another trainer wrote it; empty where it can't be read."""
    try:
        return read_checkpoint(checkpoint)["init_args"].get(STATE_KEY)
    except DamagedCheckpoint:
        return {}


def _is_alive(folder: Path) -> bool:
    return any(time.time() - log.stat().st_mtime < _SECONDS_OF_A_SIGN for log in folder.glob("training_log*"))


def _unlabeled_folder(folder: Path, preprocessed: Path) -> str:
    _, plans_name, configuration = folder.parent.name.split("__")[:3]
    plans = storage.read_json(folder.parent / "plans.json") or storage.read_json(preprocessed / f"{plans_name}.json")
    if plans is None or configuration not in plans["configurations"]:
        return ""
    return f"{PlansManager(plans).get_configuration(configuration).data_identifier}_unlabeled"
