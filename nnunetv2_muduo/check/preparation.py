"""Checks of a training before it starts: sides and mirroring, disk space."""

import math
import shutil
from contextlib import suppress

from nnunetv2_muduo.check.findings import Finding, finding
from nnunetv2_muduo.check.guard import guarded
from nnunetv2_muduo.check.needs import Needs
from nnunetv2_muduo.check.plans import check_cases_preprocessed, check_plans
from nnunetv2_muduo.check.preprocessed import check_preprocessed
from nnunetv2_muduo.check.raw_dataset import RawDataset
from nnunetv2_muduo.config import TrainingConfig, load_config
from nnunetv2_muduo.data.raw_images import READERS_OF_NIBABEL

CHANNEL_BYTES, PROMPT_MAP_BYTES = 4, 1
"""Per voxel: a channel as float32 (the most it is stored with) and a prompt map, uncompressed."""


def check_preparation(dataset: RawDataset, needs: Needs, trainer_name: str) -> list[Finding]:
    """Findings on plans, preprocessed cases, mirroring and disk space."""
    return [
        *guarded("plans", check_plans, dataset, needs, trainer_name),
        *guarded("prepared by nnU-Net", check_cases_preprocessed, dataset),
        *guarded("preprocessed", check_preprocessed, dataset),
        *guarded("left and right", check_sides, dataset),
        *guarded("disk", check_disk, dataset, needs),
    ]


def check_sides(dataset: RawDataset) -> Finding:
    """Organs that come in left and right switch mirroring off along the axis from side to side."""
    from nnunetv2_muduo.data.left_right import left_right_axis, left_right_names, sides_of_labels

    labels, said, plans = dataset.json["labels"], _said_of_sides(), dataset.plans
    has_sides, why = sides_of_labels(labels, said)
    if not has_sides:
        asked = why if said is None else ""
        return finding("left and right", "no label names in pairs: mirroring along all axes", warning=asked)
    transpose = plans.get("transpose_forward", [0, 1, 2]) if plans else [0, 1, 2]
    axes = {left_right_axis(grid.direction, transpose) for grid in dataset.grids["labeled"].values()}
    if issubclass(dataset.reader, READERS_OF_NIBABEL):  # nnU-Net keeps no direction of what these read
        axes = {0, 1, 2}
    pairs = len(left_right_names(labels))
    found = f"{pairs} pairs of organs" if pairs else why
    found += f": no mirroring along axis {_listed(axes)} of the patch"
    return finding("left and right", found, **_other_orientations(dataset))


def _said_of_sides() -> bool | None:
    with suppress(ValueError, OSError):  # a config that can't be read is another finding
        return load_config(config_class=TrainingConfig).labels_have_sides


def _other_orientations(dataset: RawDataset) -> dict[str, str]:
    """What is wrong with the orientations of a data set whose labels have sides: nnU-Net doesn't look at them."""
    labeled, unlabeled, test = (
        {grid.orientation for grid in dataset.grids[name].values()} for name in ("labeled", "unlabeled", "test")
    )
    stored = f"labeled cases are stored as {' and '.join(sorted(labeled))}"
    others = " and ".join(sorted(test - labeled or unlabeled - labeled))
    if len(labeled) > 1:
        return {
            "problem": f"{stored}, so a network sees sides both ways: store all in one orientation, preprocess again"
        }
    if test - labeled:
        return {"warning": f"{stored}, test cases as {others}: sides of their predictions will be swapped"}
    if unlabeled - labeled:
        return {"warning": f"{stored}, unlabeled ones as {others}: these will be turned when they are prepared"}
    return {}


def _listed(axes: set[int]) -> str:
    return ", ".join(map(str, sorted(axes)))


def check_disk(dataset: RawDataset, needs: Needs) -> Finding:
    """The unlabeled cases must fit on the disk of nnUNet_preprocessed."""
    if dataset.preprocessed is None:
        return finding("disk", "", problem="nnUNet_preprocessed is not set: export nnUNet_preprocessed=/path")
    configurations = dataset.plans["configurations"] if dataset.plans else {}
    spacing_mm = configurations.get(dataset.configuration, {}).get("spacing")
    n_voxels = sum(_n_voxels(grid, spacing_mm) for grid in dataset.grids["unlabeled"].values())
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
