"""Views of one unlabeled case: normalized for the student and, where teachers want them, in HU and SUV.

CT and PET are stored in physical units. The student's view is made on the patch with the numbers that nnU-Net's own
normalization would have used, so that no normalization ever has to be inverted.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from torch import Tensor

CT_CHANNEL, PET_CHANNEL = 0, 1
N_CHANNELS = 2

LINEAR_SCHEMES = ("CTNormalization", "ZScoreNormalization", "NoNormalization")
"""Schemes of nnU-Net that `channel_normalization` knows: a clipping, a shift and a scale."""

_EPS = 1e-8  # nnU-Net's own, below which a standard deviation counts as this


@dataclass(frozen=True)
class ChannelNormalization:
    """(clip(x, lower, upper) - shift) / scale, as nnU-Net's normalization schemes do it, in float32."""

    lower: float
    upper: float
    shift: float
    scale: float

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Normalized float32 copy of an image in physical units."""
        image = np.clip(image.astype(np.float32), np.float32(self.lower), np.float32(self.upper))
        image -= np.float32(self.shift)
        image /= np.float32(self.scale)
        return image

    def to_dict(self) -> dict[str, float]:
        """Plain values, ready for JSON."""
        return {name: float(value) for name, value in asdict(self).items()}


AS_STORED = ChannelNormalization(-np.inf, np.inf, 0.0, 1.0)
"""Of a channel that is stored as the student sees it."""


def channel_normalization(scheme: str, image: np.ndarray, intensity_properties: dict) -> ChannelNormalization:
    """What nnU-Net's scheme would do to this channel of this case.

    Args:
        scheme: class name in `nnunetv2.preprocessing.normalization`.
        image: the channel in physical units, float32, cropped but not yet resampled, as nnU-Net normalizes it.
        intensity_properties: the plan's foreground statistics of the channel.

    Raises:
        NotImplementedError: a scheme that is no clipping followed by a shift and a scale known to us.
    """
    unbounded = (-np.inf, np.inf)
    if scheme == "CTNormalization":
        bounds = (intensity_properties["percentile_00_5"], intensity_properties["percentile_99_5"])
        return ChannelNormalization(*bounds, intensity_properties["mean"], max(intensity_properties["std"], _EPS))
    if scheme == "ZScoreNormalization":
        return ChannelNormalization(*unbounded, image.mean(), max(image.std(), _EPS))
    if scheme == "NoNormalization":
        return ChannelNormalization(*unbounded, 0.0, 1.0)
    raise NotImplementedError(
        f"Normalization scheme {scheme} is not supported for unlabeled cases. Give the channels the names CT and PET in "
        f"dataset.json and plan again, or use CTNormalization, ZScoreNormalization or NoNormalization."
    )


class StackedViews:
    """The C channels of a case that read like one array [C + n, *spatial]: the student's view, then n physical ones.

    With a clean view, a copy of the student's that augmentation of intensity leaves alone, it is [C + n + C, *spatial].

    Only the region asked for is read and normalized. Padding both views with zeros therefore pads the student's with what
    nnU-Net pads with, and the teachers' with 0 HU and 0 SUV, as in their training (SAM-Med3D crops with zeros).

    Args:
        channels: [*spatial] each, as they are stored, arrays of float32 or what reads like them.
        normalizations: what makes the student's view of each.
        physical: numbers of the channels that are wanted in physical units too.
        clean_view: whether the student's view is wanted twice.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        channels: Sequence,
        normalizations: list[ChannelNormalization],
        physical: Sequence[int] = (CT_CHANNEL, PET_CHANNEL),
        clean_view: bool = False,
    ):
        self._channels = channels
        self._normalizations = normalizations
        self._physical = physical
        self._clean_view = clean_view
        self.shape = (len(channels) * (2 if clean_view else 1) + len(physical), *channels[0].shape)

    def __getitem__(self, region: tuple[slice, ...]) -> np.ndarray:
        stored = [channel[region[1:]] for channel in self._channels]
        student = [normalize(channel) for normalize, channel in zip(self._normalizations, stored, strict=True)]
        return np.stack(
            [*student, *(stored[channel] for channel in self._physical), *(student if self._clean_view else ())]
        )


def split_views(stacked: Tensor, n_channels: int = N_CHANNELS) -> tuple[Tensor, ...]:
    """Student's view [B, n_channels, ...] and each physical one [B, 1, ...] of a batch as `StackedViews` has them."""
    physical = (stacked[:, c : c + 1] for c in range(n_channels, stacked.shape[1]))
    return stacked[:, :n_channels], *physical
