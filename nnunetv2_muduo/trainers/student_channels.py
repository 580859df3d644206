"""Channels that a student sees: chosen by the config, kept in the plans, picked by the network itself."""

from copy import deepcopy
from typing import Any

from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager
from torch import Tensor, nn

from nnunetv2_muduo.imageio.modalities import modality_of

PLANS_KEY = "student_channels"


def numbers_of_channels(wanted: str | list[str], names: list[str]) -> list[int]:
    """Numbers of the channels that the config names.

    Args:
        wanted: `all`, `ct`, `pet`, or names of channels in whatever case.
        names: of the data set's channels, in their order.

    Raises:
        ValueError: there is no such channel; the data set's are named.
    """
    if wanted == "all":
        return list(range(len(names)))
    if isinstance(wanted, str):
        channels = [c for c, name in enumerate(names) if (m := modality_of(name)) is not None and m.key == wanted]
        if channels:
            return channels
        raise ValueError(f"student_channels is {wanted}, but the data set's channels are {', '.join(names)}.")
    folded = [name.casefold() for name in names]
    absent = [name for name in wanted if name.casefold() not in folded]
    if absent:
        raise ValueError(
            f"student_channels names {', '.join(absent)}, but the data set's channels are {', '.join(names)}."
        )
    return sorted({folded.index(name.casefold()) for name in wanted})


def with_student_channels(plans: dict[str, Any], configuration: str, channels: list[int]) -> dict[str, Any]:
    """Plans in which a configuration names the student's channels."""
    plans = deepcopy(plans)
    plans["configurations"][configuration][PLANS_KEY] = channels
    return plans


def student_channels(configuration_manager: ConfigurationManager) -> list[int] | None:
    """Numbers of the student's channels in a configuration of the plans; None: all."""
    return configuration_manager.configuration.get(PLANS_KEY)


class PickChannels:
    """Forward pre-hook that hands some channels of [B, C, ...] to a network."""

    def __init__(self, channels: list[int]):
        self.channels = channels

    def __call__(self, _network: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (inputs[0][:, self.channels],)
