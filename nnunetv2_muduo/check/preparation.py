"""Checks of what training will do: sides and mirroring, disk space."""

import json
import math
import shutil

from nnunetv2_muduo.check.dataset import RawDataset
from nnunetv2_muduo.check.findings import Finding, finding
from nnunetv2_muduo.check.images import read_grid

BYTES_PER_VOXEL = 2 * 4 + 1
"""CT and PET as float32 (the most they are stored with) and a prompt map, all uncompressed."""


def check_preparation(dataset: RawDataset, configuration: str) -> list[Finding]:
    """Findings on mirroring and disk space."""
    plans = _plans(dataset)
    return [check_sides(dataset, plans), check_disk(dataset, plans, configuration)]


def _plans(dataset: RawDataset) -> dict | None:
    path = dataset.preprocessed / "nnUNetPlans.json" if dataset.preprocessed else None
    return json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else None


def check_sides(dataset: RawDataset, plans: dict | None) -> Finding:
    """Organs that come in left and right switch mirroring off along the axis from side to side."""
    from nnunetv2_muduo.trainers.plans import left_right_axis, left_right_names

    pairs = left_right_names(dataset.json["labels"])
    if not pairs:
        return finding("left and right", "no label names in pairs: mirroring along all axes")
    grids = [read_grid(files[0]) for files in dataset.images["labeled"].values()]
    transpose = plans["transpose_forward"] if plans else [0, 1, 2]
    axes = sorted({left_right_axis(grid.direction, transpose) for grid in grids})
    found = f"{len(pairs)} pairs of organs: no mirroring along axis {', '.join(map(str, axes))} of the patch"
    several = "the axis is not the same in all cases" if len(axes) > 1 else ""
    return finding("left and right", found, warning=several)


def check_disk(dataset: RawDataset, plans: dict | None, configuration: str) -> Finding:
    """The unlabeled cases must fit on the disk of nnUNet_preprocessed."""
    if dataset.preprocessed is None:
        return finding("disk", "", problem="nnUNet_preprocessed is not set: export nnUNet_preprocessed=/path")
    spacing_mm = plans["configurations"].get(configuration, {}).get("spacing") if plans else None
    n_voxels = sum(_n_voxels(read_grid(files[0]), spacing_mm) for files in dataset.images["unlabeled"].values())
    place = next(path for path in (dataset.preprocessed, *dataset.preprocessed.parents) if path.exists())
    needed_gb, free_gb = n_voxels * BYTES_PER_VOXEL / 1e9, shutil.disk_usage(place).free / 1e9
    found = f"at most {needed_gb:.1f} GB for the unlabeled cases, {free_gb:.1f} GB free in {place}"
    if needed_gb <= free_gb:
        return finding("disk", found)
    return finding("disk", found, warning="it may become full (cases are compressed, usually to less than half)")


def _n_voxels(grid, spacing_mm: list[float] | None) -> float:
    voxel_mm3 = math.prod(spacing_mm) if spacing_mm else math.prod(grid.spacing_mm)
    return math.prod(grid.size) * math.prod(grid.spacing_mm) / voxel_mm3
