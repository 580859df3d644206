"""Organs of an nnU-Net data set: the one list that training, checks, evaluation and pictures share."""

from typing import Any


def organ_names(dataset_json: dict[str, Any]) -> dict[int, str]:
    """Name of every organ by its label value, in the order of nnU-Net's foreground channels.

    Args:
        dataset_json: content of nnU-Net's dataset.json. Background, the ignore label and regions are no organs.
    """
    named = sorted((value, name) for name, value in dataset_json["labels"].items() if isinstance(value, int))
    return {value: name for value, name in named if value > 0 and name != "ignore"}
