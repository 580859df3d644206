"""Checks of a training before it starts: sides and mirroring, disk space."""

import json
import math
import shutil

from nnunetv2_muduo.check.dataset import RawDataset
from nnunetv2_muduo.check.findings import Finding, finding
from nnunetv2_muduo.check.needs import Needs
from nnunetv2_muduo.imageio.grid import read_grid

CHANNEL_BYTES, PROMPT_MAP_BYTES = 4, 1
"""Per voxel: a channel as float32 (the most it is stored with) and a prompt map, uncompressed."""


def check_preparation(dataset: RawDataset, needs: Needs, plans_name: str, configuration: str) -> list[Finding]:
    """Findings on plans, mirroring and disk space."""
    path = dataset.preprocessed / f"{plans_name}.json" if dataset.preprocessed else None
    plans = json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else None
    return [
        check_plans(plans, plans_name, configuration),
        check_sides(dataset, plans),
        check_disk(dataset, needs, plans, configuration),
    ]


def check_plans(plans: dict | None, plans_name: str, configuration: str) -> Finding:
    """The plans must have the configuration; that they are not there yet is usual before nnU-Net's preprocessing."""
    if plans is None:
        return finding("plans", plans_name, warning="not there yet, nnUNetv2_plan_and_preprocess makes them")
    names = plans["configurations"]
    problem = "" if configuration in names else f"no {configuration} in them, but {', '.join(names)}"
    return finding("plans", plans_name if problem else f"{plans_name}, {configuration}", problem=problem)


def check_sides(dataset: RawDataset, plans: dict | None) -> Finding:
    """Organs that come in left and right switch mirroring off along the axis from side to side."""
    from nnunetv2_muduo.data.left_right import left_right_axis, left_right_names

    pairs = left_right_names(dataset.json["labels"])
    if not pairs:
        return finding("left and right", "no label names in pairs: mirroring along all axes")
    transpose = plans["transpose_forward"] if plans else [0, 1, 2]
    axes, unlabeled_axes = (
        {left_right_axis(read_grid(files[0]).direction, transpose) for files in dataset.images[name].values()}
        for name in ("labeled", "unlabeled")
    )
    found = f"{len(pairs)} pairs of organs: no mirroring along axis {_listed(axes)} of the patch"
    warning = "the axis is not the same in all cases" if len(axes) > 1 else ""
    if unlabeled_axes - axes:
        warning = f"in unlabeled cases it is axis {_listed(unlabeled_axes)}: store all cases in one orientation"
    return finding("left and right", found, warning=warning)


def _listed(axes: set[int]) -> str:
    return ", ".join(map(str, sorted(axes)))


def check_disk(dataset: RawDataset, needs: Needs, plans: dict | None, configuration: str) -> Finding:
    """The unlabeled cases must fit on the disk of nnUNet_preprocessed."""
    if dataset.preprocessed is None:
        return finding("disk", "", problem="nnUNet_preprocessed is not set: export nnUNet_preprocessed=/path")
    spacing_mm = plans["configurations"].get(configuration, {}).get("spacing") if plans else None
    n_voxels = sum(_n_voxels(read_grid(files[0]), spacing_mm) for files in dataset.images["unlabeled"].values())
    bytes_per_voxel = len(dataset.channels) * CHANNEL_BYTES + needs.prompt_maps * PROMPT_MAP_BYTES
    place = next(path for path in (dataset.preprocessed, *dataset.preprocessed.parents) if path.exists())
    needed_gb, free_gb = n_voxels * bytes_per_voxel / 1e9, shutil.disk_usage(place).free / 1e9
    found = f"at most {needed_gb:.1f} GB for the unlabeled cases, {free_gb:.1f} GB free in {place}"
    if needed_gb <= free_gb:
        return finding("disk", found)
    return finding("disk", found, warning="it may become full (cases are compressed, usually to less than half)")


def _n_voxels(grid, spacing_mm: list[float] | None) -> float:
    voxel_mm3 = math.prod(spacing_mm) if spacing_mm else math.prod(grid.spacing_mm)
    return math.prod(grid.size) * math.prod(grid.spacing_mm) / voxel_mm3
