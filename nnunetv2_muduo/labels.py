"""Organs of an nnU-Net data set: the one list that training, checks, evaluation and pictures share."""

from typing import Any


def organ_names(dataset_json: dict[str, Any]) -> dict[int, str]:
    """Name of every organ by its label value, in the order of nnU-Net's foreground channels.

    Args:
        dataset_json: content of nnU-Net's dataset.json. Background, the ignore label and regions are no organs.
    """
    named = sorted((value, name) for name, value in dataset_json["labels"].items() if isinstance(value, int))
    return {value: name for value, name in named if value > 0 and name != "ignore"}


def why_regions(labels: dict[str, Any]) -> str | None:
    """Why labels that stand for several values, nnU-Net's regions, can't be trained with here; None where there are none."""
    regions = ", ".join(f"{name}: {value}" for name, value in labels.items() if isinstance(value, list))
    return f"region-based labels are not supported ({regions}): use plain labels in dataset.json" if regions else None


def why_no_labels(labels: dict[str, Any]) -> str | None:
    """Why nnU-Net can't train with the labels of a dataset.json, None where it can: they count from 0 without gaps.

    nnU-Net says so only when it is asked to verify the data set; without that a training ends in an index error. Regions are
    checked elsewhere.
    """
    values = sorted({value for value in labels.values() if isinstance(value, int)})
    if values == list(range(len(values))) or any(not isinstance(value, int) for value in labels.values()):
        return None
    found = ", ".join(map(str, values))
    return f"labels must be 0, 1, 2, ... without gaps, found {found}: number them anew in dataset.json and in the label maps"
