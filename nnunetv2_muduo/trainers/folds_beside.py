"""Folds of the same model, which are predicted with together: what a fold must share with those beside it, and should."""

from pathlib import Path

from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.config import CONFIG_FILE, TrainingConfig, differences
from nnunetv2_muduo.storage import read_json
from nnunetv2_muduo.user_files import read_user_yaml


def refuse_another_patch(fold: Path, configuration: str, patch_size: tuple[int, int, int]) -> None:
    """plans.json is one for all folds of a model: a fold on another patch could not be predicted with any more.

    Args:
        fold: the fold's folder of results.
        patch_size: in voxels, in the plan's order of axes.

    Raises:
        ValueError: a fold beside it was trained on another patch.
    """
    plans_file = fold.parent / "plans.json"
    others = [file.parent for file in fold.parent.glob("fold_*/checkpoint_*.pth") if file.parent != fold]
    plans = read_json(plans_file)
    if others and plans is not None:
        theirs = PlansManager(plans).get_configuration(configuration).patch_size
        if list(theirs) != list(patch_size):
            raise ValueError(
                f"{others[0]} was trained on patches of {theirs}, this fold would be on {list(patch_size)}; they can't share "
                f"{plans_file}. Use teachers of one image size for all folds, plans under another name (-p), or remove the "
                "other folds."
            )


def other_configs(fold: Path, config: TrainingConfig) -> list[str]:
    """A sentence for each fold beside this one that was trained with another config, as 0.1's defaults are another.

    Raises:
        ValueError: the config of a fold beside is no YAML; it is named.
    """
    return [
        f"{file.parent.name} was trained with another config ({file}); there -> here: {'; '.join(changed)}"
        for file in sorted(fold.parent.glob(f"fold_*/{CONFIG_FILE}"))
        if file.parent != fold and (changed := differences(read_user_yaml(file), config.to_dict()))
    ]
