"""Which of nnU-Net's configurations can be trained with."""

from typing import Any


def why_no_such_training(trainer: str, configuration: str, settings: dict[str, Any]) -> str | None:
    """Why a trainer can't train a configuration, None where it can.

    Args:
        trainer: name of its class, in which it is said.
        settings: of the configuration in the plans, with those that it inherits.
    """
    if len(settings["patch_size"]) != 3:
        return f"{trainer} is for 3d configurations, not for 2d ones such as {configuration}. Use 3d_fullres."
    if settings.get("previous_stage") is not None:
        return f"{trainer} does not support cascades ({configuration}). Use 3d_fullres."
    return None
