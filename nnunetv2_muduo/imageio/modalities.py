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
    outside: float
    """What an image is filled with where it was not measured: nothing, as air and scanners' own filling have it."""
    bright_median: tuple[float, float]
    """Lowest and highest median that the voxels above `bright_above` can have."""
    bright_above: float | None = None
    """What counts as bright; None: all above the image's mean."""
    goes_below: float | None = None
    """Every image in this unit has values below this one; None where that need not be."""
    soft_tissue: tuple[float, float] = (0, 0)
    """`goes_below` does not count for a view in a head, which has no fat: all is above the lower of these, half is below the
    higher, and little is above `shifted_above`."""
    shifted_above: float = 0
    """Where the body lies in an image that is not in this unit but shifted by 1000 or 1024."""
    lowest_mean: float | None = None
    """The mean of an image is at least this; None where it may be anything."""
    lowest_spread: float | None = None
    """From the darkest to the brightest thousandth of the voxels it is at least this; None where it may be anything."""
    air_below: float | None = None
    """A view without a value below this one is all body, and no quarter of it is brighter than `bright_median` allows."""
    nothing_below: float | None = None
    """Hardly a voxel is below this one, but for a value that fills what was not measured; None where it may be anything."""


BODY_ABOVE_HU = -200
"""Fat and what is denser is body; lungs, the scanner's table, clothes and air are not."""

MODALITIES = {
    modality.key: modality
    for modality in (
        Modality(
            *("ct", "CT", "HU", "CTNormalization", np.int16),
            outside=-1024.0,
            bright_median=(BODY_ABOVE_HU, 700),  # contrast medium and spongy bone reach 500; soft tissue + 1000 has 900
            bright_above=BODY_ABOVE_HU,
            goes_below=0,
            soft_tissue=(0, 150),
            shifted_above=850,
            air_below=-500,
            lowest_spread=50,  # fat and muscle are 100 apart, and noise alone spreads wider
            nothing_below=-1200,  # air is -1000
        ),
        Modality(
            *("pet", "PET", "SUV", "ZScoreNormalization", np.float16),
            outside=0.0,
            bright_median=(0.05, 100),  # fat has 0.1 to 0.3, a full bladder up to 100
            lowest_mean=-0.001,  # there is no activity below nothing, but reconstructions undershoot
        ),
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
