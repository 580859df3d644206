"""Values that images can have in the unit of their modality."""

import numpy as np

from nnunetv2_muduo.imageio.modalities import Modality
from nnunetv2_muduo.imageio.refusal import CaseRefused


def value_range(values: np.ndarray, source) -> tuple[float, float]:
    """Smallest and largest value. Raises CaseRefused for NaN, infinity and images with one value only."""
    lowest, highest = float(values.min()), float(values.max())
    if not np.isfinite([lowest, highest]).all():
        raise CaseRefused(f"{source}: holds NaN or infinite values")
    if lowest == highest:
        raise CaseRefused(f"{source}: every voxel has the value {lowest:g}")
    return lowest, highest


def require_plausible(modality: Modality, values: np.ndarray, source) -> None:
    """Refuse values that can't be in the modality's unit: a CT without air, a PET as bright as activity in Bq/ml.

    Args:
        values: a whole image, any shape.
        source: what the message names.

    Raises:
        CaseRefused: the values are in another unit.
    """
    if modality.goes_below is not None and values.min() >= modality.goes_below:
        raise CaseRefused(
            f"{source}: {modality.name} without negative values is not in {modality.unit} "
            f"({values.min():g} to {values.max():g})"
        )
    if modality.highest_bright_median is not None and _bright_median(values) > modality.highest_bright_median:
        raise CaseRefused(
            f"{source}: not in {modality.unit}, the median of its bright voxels is {_bright_median(values):g} (Bq/ml?)"
        )


def _bright_median(values: np.ndarray) -> float:
    return float(np.median(values[values > values.mean()]))
