"""Table of the modalities that have a unit: the unit, the values that can occur, storage and normalization.

Any other image, such as MRI, has no unit that could be checked; `modality_of` then says None.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Modality:
    """What is known of the images of one modality."""

    key: str
    """Its name in configurations and dictionaries."""
    name: str
    unit: str
    """Unit of the voxels' values in files."""
    normalization: str
    """nnU-Net's scheme, which it chooses by the channel's name in dataset.json."""
    kept_as: type[np.number]
    """Type in which resampled images are kept: whole HU, and SUV to one part in two thousand."""
    goes_below: float | None = None
    """Every image in this unit has values below this one; None where that need not be."""
    highest_bright_median: float | None = None
    """The median of the voxels brighter than the mean is at most this; None where it may be anything."""


MODALITIES = {
    modality.key: modality
    for modality in (
        Modality("ct", "CT", "HU", "CTNormalization", np.int16, goes_below=0),
        Modality("pet", "PET", "SUV", "ZScoreNormalization", np.float16, highest_bright_median=100),
    )
}


def modality_of(channel_name: str) -> Modality | None:
    """Modality of a channel by its name in dataset.json: CT in whatever case, or with PET in it; None for any other."""
    if channel_name.casefold() == "ct":
        return MODALITIES["ct"]
    return MODALITIES["pet"] if "pet" in channel_name.casefold() else None


def channel_names(dataset_json: dict[str, Any]) -> list[str]:
    """Names of a data set's channels, in their order; `dataset_json` is the content of nnU-Net's dataset.json."""
    names = dataset_json.get("channel_names") or dataset_json["modality"]  # the latter in data sets of nnU-Net v1
    return [names[number] for number in sorted(names, key=int)]
