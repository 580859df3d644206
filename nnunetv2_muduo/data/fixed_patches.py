"""Fixed unlabeled patches, without augmentation and chance, on which a training is watched."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from acvl_utils.cropping_and_padding.bounding_boxes import crop_and_pad_nd
from torch import Tensor

from nnunetv2_muduo import storage
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset


@dataclass(frozen=True)
class FixedPatch:
    """One case's patch: both views [4, a, b, c] (float32), the prompt map [1, a, b, c] (int16), the images' direction.

    `region` holds the patch's bounds on each axis of the preprocessed case; they may lie outside of it.
    """

    case: str
    region: list[list[int]]
    views: Tensor
    prompt_map: Tensor
    direction: list[float]


def fixed_patches(dataset: UnlabeledDataset, patch_size: tuple[int, ...], n: int) -> list[FixedPatch]:
    """The patch amid the organs of each of `n` cases (fewer, if there are no more), far apart in the order of names.

    Raises:
        ValueError: no prompt map holds an organ.
    """
    cases = dataset.identifiers
    starts = [len(cases) * i // n for i in range(n)]
    stops = [*starts[1:], len(cases)]
    parts = [cases[start:stop] for start, stop in zip(starts, stops, strict=True)]
    patches = [patch for part in parts for patch in islice(_patches(dataset, part, patch_size), 1)]
    if not patches:
        raise ValueError(f"No prompt map in {dataset.prompt_map_folder} holds an organ: there is nothing to show.")
    return patches


def cut_patch(dataset: UnlabeledDataset, case: str, region: list[list[int]]) -> FixedPatch:
    """A case's patch with these bounds, which may lie outside of it."""
    views, prompt_map, _, _ = dataset.load_case(case)
    return FixedPatch(
        case,
        region,
        torch.from_numpy(crop_and_pad_nd(views, region, 0)),
        torch.from_numpy(crop_and_pad_nd(prompt_map, region, 0).astype(np.int16)),
        storage.read_json(Path(dataset.source_folder) / f"{case}.json")["direction"],
    )


def _patches(dataset: UnlabeledDataset, cases: list[str], patch_size: tuple[int, ...]) -> Iterator[FixedPatch]:
    for case in cases:
        views, _, _, properties = dataset.load_case(case)
        centers = [places[:, 1:].mean(0) for places in properties["class_locations"].values() if len(places)]
        if centers:
            yield cut_patch(dataset, case, _region(np.mean(centers, axis=0), views.shape[1:], patch_size))


def _region(center: np.ndarray, shape: tuple[int, ...], patch_size: tuple[int, ...]) -> list[list[int]]:
    """Bounds per axis of the patch around a place, moved into the image where it is large enough."""
    room = np.subtract(shape, patch_size)
    lower = np.round(center - np.divide(patch_size, 2)).astype(int)
    lower = np.where(room < 0, room // 2, np.clip(lower, 0, np.maximum(room, 0)))
    return [[int(low), int(low + size)] for low, size in zip(lower, patch_size, strict=True)]
