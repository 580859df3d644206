"""Refusal to go on with a training with another prompt generator than the one that has taught it."""

from pathlib import Path
from typing import Any

from nnunetv2_muduo.data.generator_folders import folder_by_identity
from nnunetv2_muduo.data.generator_identity import stored_state, why_not
from nnunetv2_muduo.data.prompt_maps import N_ID_DIGITS
from nnunetv2_muduo.trainers.requirements import Preparation


def refuse_other_generator(preparation: Preparation, trained_with: dict[str, Any], checkpoint: Path) -> None:
    """Refuse to go on from a checkpoint that another generator's prompt maps have taught.

    Args:
        preparation: of the training that is to be continued.
        trained_with: the `made_by` of the checkpoint's training.

    Raises:
        ValueError: names both generators and how to go back.
    """
    now = stored_state(preparation.generator_checkpoint).get("generator_id")
    if now == trained_with["id"]:
        return
    before = f"{preparation.generator_class.trains} {trained_with['id'][:N_ID_DIGITS]}"
    its_folder = folder_by_identity(preparation.stock_folder(preparation.generator_trainer), trained_with["generator"])
    why = why_not(trained_with["generator"], preparation.identity) or "its folder is gone or holds another"
    present = f"{now[:N_ID_DIGITS]} ({preparation.generator_folder})" if now else "one that is still to be trained"
    raise ValueError(
        f"{checkpoint} was trained with {before}, which does not belong to this training any more ({why}); {present} does. "
        f"Continuing would mix two trainings. To go back, restore the labels, split, plans and config that {before} was "
        f"made from, and its folder where that was removed ({its_folder}); `muduo prepare -d "
        f"{preparation.trainer.plans_manager.dataset_name} --list` names those that are there. Or start anew without --c."
    )
