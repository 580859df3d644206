"""Values that HU and SUV can have."""

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.nifti import CaseRefused

HIGHEST_PLAUSIBLE_BODY_SUV = 100


def value_range(image: sitk.Image, source) -> tuple[float, float]:
    """Smallest and largest value. Raises CaseRefused for NaN, infinity and images with one value only."""
    values = sitk.GetArrayViewFromImage(image)
    lowest, highest = float(values.min()), float(values.max())
    if not np.isfinite([lowest, highest]).all():
        raise CaseRefused(f"{source}: holds NaN or infinite values")
    if lowest == highest:
        raise CaseRefused(f"{source}: every voxel has the value {lowest:g}")
    return lowest, highest


def require_suv(pet: sitk.Image, source) -> None:
    """Raises CaseRefused where the bright half of a PET is far beyond what SUV can be, as activity in Bq/ml is."""
    values = sitk.GetArrayViewFromImage(pet)
    body_median = float(np.median(values[values > values.mean()]))
    if body_median > HIGHEST_PLAUSIBLE_BODY_SUV:
        raise CaseRefused(f"{source}: not in SUV, the median of its bright voxels is {body_median:g} (Bq/ml?)")
