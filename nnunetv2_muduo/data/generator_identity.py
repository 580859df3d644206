"""Identity of a prompt generator, so that prompts never come from other labels, plans or schedules.

What a generator is made from is a dictionary of digests, its identity; which training made it, its ID. Both are kept inside
its checkpoint and beside the prompt maps made with it.
"""

from pathlib import Path
from typing import Any

from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo import storage
from nnunetv2_muduo.checkpoints import STATE_KEY, DamagedCheckpoint, read_checkpoint
from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.data.unlabeled import plan_identity
from nnunetv2_muduo.data.worker_status import TrackedDataset

GENERATOR_RECORD = "muduo_prompt_generator.json"
"""Beside a student's checkpoints: identity and ID of the generator whose prompt maps teach it."""
_REASONS = {
    "plans": "it was trained with other plans",
    "patch": "it was trained on another patch size or network",
    "labels": "it was trained on other labeled cases or labels",
    "seen": "it sees other channels, classes, slices or patches",
    "recipe": "it was fine-tuned from another SAM or in another way",
    "schedule": "it was trained with another number of epochs or iterations, optimizer or augmentation",
}


def generator_identity(
    plans_manager: PlansManager,
    configuration: str,
    labeled: TrackedDataset,
    config: MuDuoConfig,
    schedule: list[int],
) -> dict[str, Any]:
    """Identity of the generator that belongs to a training.

    Args:
        plans_manager: plans with the patch size and network already fitted to the teacher.
        labeled: the fold's labeled training cases, preprocessed by nnU-Net.
        schedule: epochs, and iterations of each.

    Raises:
        DamagedCase: a labeled case can't be read.
    """
    settings = plans_manager.get_configuration(configuration).configuration
    return {
        "plans": plan_identity(plans_manager, configuration),
        "patch": storage.digest([settings["patch_size"], settings["batch_size"], settings["architecture"]]),
        "labels": label_digests(labeled),
        "schedule": [
            *schedule,
            config.optimizer,
            config.augmentation,
            *([] if config.labels_have_sides is None else [config.labels_have_sides]),  # which decides about mirroring
        ],
    }


def label_digests(labeled) -> dict[str, str]:
    """Digests of the labels by case, of a data set of nnU-Net's. Raises what reading a case raises."""
    return {case: storage.digest(labeled.load_case(case)[1][:]) for case in sorted(labeled.identifiers)}


def stored_state(checkpoint: Path) -> dict[str, Any]:
    """Our own entries of a checkpoint, `generator` (identity) and `generator_id` among them; empty where there is none.

    One that can't be read is as good as none: it is never used, and kept when another takes its place.
    """
    if not checkpoint.is_file():
        return {}
    try:
        return read_checkpoint(checkpoint)["init_args"].get(STATE_KEY, {})
    except DamagedCheckpoint:
        return {}


def why_not(stored: dict[str, Any] | None, wanted: dict[str, Any]) -> str | None:
    """Why a stored generator (or prompt maps made with it) can't be used, None where it can."""
    if stored is None:
        return "not there"
    return next((_REASONS.get(key, f"{key} differs") for key in wanted if stored.get(key) != wanted[key]), None)
