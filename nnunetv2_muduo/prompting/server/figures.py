"""Figures of a session's objects for the page's table."""

import math
from typing import Any

import numpy as np
from scipy import ndimage

from nnunetv2_muduo.evaluation.object_figures import measure_objects
from nnunetv2_muduo.imageio.grid import Grid

VOLUME = {"key": "volume_ml", "heading": "Volume", "unit": "ml"}
COLUMNS = {
    "pet": (
        VOLUME,
        {"key": "suv_max", "heading": "SUV", "unit": "max"},
        {"key": "suv_mean", "heading": "SUV", "unit": "mean"},
        {"key": "suv_peak", "heading": "SUV", "unit": "peak"},
        {"key": "tlg_suv_ml", "heading": "TLG", "unit": "g"},  # SUV x ml, at 1 g/ml
    ),
    "ct": (VOLUME, {"key": "hu_mean", "heading": "mean", "unit": "HU"}),
}
"""Columns of the table where there is a PET, and where there is a CT alone."""


def object_figures(
    labels: np.ndarray, objects: list[int], grid: Grid, values: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    """A row per object, as of `measure_objects`, of a CT alone with its mean; what an empty one doesn't have is None.

    Args:
        labels: (z, y, x), the objects' numbers. grid: theirs.
        values: by modality, SUV ("pet") and HU ("ct") of the same shape.
    """
    pet_suv = values.get("pet")
    rows = measure_objects(labels, {str(number): number for number in objects}, grid, pet_suv)
    if pet_suv is None and rows:
        means_hu = ndimage.mean(values["ct"], labels, objects)
        rows = [row | {"hu_mean": float(mean)} for row, mean in zip(rows, means_hu, strict=True)]
    return [
        {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in rows
    ]
