"""Values that one image can have in the unit of its modality; the bounds stand in the table of modalities."""

import numpy as np

from nnunetv2_muduo.imageio.modalities import Modality
from nnunetv2_muduo.imageio.refusal import CaseRefused

N_LOOKED_AT = 2_000_000
"""Voxels, evenly spread over an image, from which its percentiles are taken."""
_MOST_BELOW = 0.05
"""Share of voxels below `nothing_below`: where a fill value was resampled, the rim of the measured circle is."""
_HARDLY_ANY, _MOST_DENSE = 0.001, 0.25
"""Shares of air and of dense bone in a view that is all body."""


def value_range(values: np.ndarray, source) -> tuple[float, float]:
    """Smallest and largest value. Raises CaseRefused for NaN, infinity and images with one value only."""
    lowest, highest = float(values.min()), float(values.max())
    if not np.isfinite([lowest, highest]).all():
        raise CaseRefused(f"{source}: holds NaN or infinite values")
    if lowest == highest:
        raise CaseRefused(f"{source}: every voxel has the value {lowest:g}")
    return lowest, highest


def thinning(shape: tuple[int, ...]) -> int:
    """Every how many voxels along each axis an image is looked at, so that about `N_LOOKED_AT` are."""
    return max(1, round((np.prod(shape, dtype=float) / N_LOOKED_AT) ** (1 / len(shape))))


def thinned(values: np.ndarray) -> np.ndarray:
    """A view of every n-th voxel along each axis; n is 1 for small images, see `thinning`."""
    return values[(slice(None, None, thinning(values.shape)),) * values.ndim]


def require_plausible(modality: Modality, values: np.ndarray, source) -> None:
    """Refuse values that can't be in the modality's unit, whatever part of a body they show.

    Args:
        values: a whole image, any shape.
        source: what the message names.

    Raises:
        CaseRefused: the values are in another unit, or are no image of this modality.
    """
    for rule in (
        _goes_low_enough,
        _mean_is_possible,
        _spread_is_possible,
        _no_darker_than_air,
        _not_dense,
        _bright_is_possible,
    ):
        problem = rule(modality, values)
        if problem:
            raise CaseRefused(f"{source}: {problem}")


def _goes_low_enough(modality: Modality, values: np.ndarray) -> str:
    if modality.goes_below is None or values.min() < modality.goes_below or _is_within_a_head(modality, values):
        return ""
    extremes = f"{values.min():g} to {values.max():g}"
    return f"{modality.name} without negative values is not in {modality.unit} ({extremes})"


def _is_within_a_head(modality: Modality, values: np.ndarray) -> bool:
    """Brain and skull alone. Of a shifted CT most is air or body, and hardly anything lies between them."""
    (lowest, highest), few = modality.soft_tissue, thinned(values)
    cut_off, soft, shifted = (few <= lowest).mean(), (few < highest).mean(), (few > modality.shifted_above).mean()
    is_soft = cut_off <= _HARDLY_ANY and soft >= 0.5 and shifted <= 1 - soft - shifted
    return is_soft and not _spread_is_possible(modality, values)


def _mean_is_possible(modality: Modality, values: np.ndarray) -> str:
    mean = values.mean(dtype=np.float64)
    if modality.lowest_mean is None or mean >= modality.lowest_mean:
        return ""
    return f"not in {modality.unit}, its values add up to less than 0 (their mean is {mean:g}; CT in place of {modality.name}?)"


def _spread_is_possible(modality: Modality, values: np.ndarray) -> str:
    if modality.lowest_spread is None:
        return ""
    darkest, brightest = np.percentile(thinned(values), (0.1, 99.9))
    if brightest - darkest >= modality.lowest_spread:
        return ""
    return (
        f"not in {modality.unit}, nearly all values lie between {darkest:g} and {brightest:g} (scaled, or another image "
        f"in place of the {modality.name}?)"
    )


def _no_darker_than_air(modality: Modality, values: np.ndarray) -> str:
    if modality.nothing_below is None:
        return ""
    few = thinned(values)
    share = ((few < modality.nothing_below) & (few > few.min())).mean()
    if share <= _MOST_BELOW:
        return ""
    return f"not in {modality.unit}, {share:.0%} of the values are below {modality.nothing_below} (scaled or shifted?)"


def _not_dense(modality: Modality, values: np.ndarray) -> str:
    if modality.air_below is None:
        return ""
    few, densest = thinned(values), modality.bright_median[1]
    air, dense = (few < modality.air_below).mean(), (few > densest).mean()
    if air > _HARDLY_ANY or dense <= _MOST_DENSE:
        return ""
    return (
        f"not in {modality.unit}, nothing is below {modality.air_below} and {dense:.0%} is above {densest} (shifted?)"
    )


def _bright_is_possible(modality: Modality, values: np.ndarray) -> str:
    lowest, highest = modality.bright_median
    above = values.mean() if modality.bright_above is None else modality.bright_above
    bright = values[values > above]
    if not bright.size:
        return f"not in {modality.unit}, or shows no body: no value is above {above:g}"
    median = float(np.median(bright))
    if lowest <= median <= highest:
        return ""
    guess = {"HU": "shifted?", "SUV": "Bq/ml?" if median > highest else "scaled?"}[modality.unit]
    return f"not in {modality.unit}, the median of its bright voxels is {median:g} ({guess})"
