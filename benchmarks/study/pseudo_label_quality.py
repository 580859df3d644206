"""Dice of the pseudo labels over a training, against a truth that the training never sees."""

import time
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
import torch
from acvl_utils.cropping_and_padding.bounding_boxes import crop_and_pad_nd
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader

from nnunetv2_muduo.data.fixed_patches import FixedPatch, cut_patch
from nnunetv2_muduo.evaluation.metrics import dice
from nnunetv2_muduo.trainers.inspection import Inspection, inspect_patches

N_PATCHES = 80
N_MOMENTS = 5
BATCH_SIZE = 2


class ObservedTraining:
    """Goes before a MuDuo trainer among a class's bases: some of its epochs end with a measurement of the pseudo labels.

    truth_files: the hidden label map of every unlabeled case; to be set before the training starts.
    """

    truth_files: dict[str, Path]

    def initialize(self):
        self.pseudo_label_rows: list[dict] = []
        self.observing_seconds = 0.0
        super().initialize()

    def on_epoch_end(self):
        super().on_epoch_end()
        every = max(1, self.num_epochs // N_MOMENTS)
        if self.current_epoch % every == 0 or self.current_epoch == self.num_epochs:
            began = time.monotonic()
            self.pseudo_label_rows += measure(self, self._patches_with_truth)
            self.observing_seconds += time.monotonic() - began

    @cached_property
    def _patches_with_truth(self) -> list[tuple[FixedPatch, np.ndarray]]:
        return drawn_patches(self, self.truth_files)


def drawn_patches(trainer, truth_files: dict[str, Path]) -> list[tuple[FixedPatch, np.ndarray]]:
    """Patches as a training draws them, half around an organ of the prompt map, with their truth; the same ones every time.

    Raises:
        ValueError: a truth's grid is not that of its preprocessed image.
    """
    dataset = trainer.unlabeled_dataset()
    loader = nnUNetDataLoader(
        dataset,
        BATCH_SIZE,
        trainer.patch_size,
        trainer.patch_size,
        trainer.label_manager,
        oversample_foreground_percent=trainer.oversample_foreground_percent,
    )
    with _own_chance():
        places = [_draw_place(dataset, loader, index % BATCH_SIZE) for index in range(N_PATCHES)]
    patches = []
    for case, region in places:
        truth = _truth(trainer, truth_files[case], dataset.load_case(case)[0].shape[1:])
        patches.append((cut_patch(dataset, case, region), crop_and_pad_nd(truth[None], region, 0)[0]))
    return patches


def _draw_place(dataset, loader: nnUNetDataLoader, place_in_batch: int) -> tuple[str, list[list[int]]]:
    """A case and the (first, last + 1) voxel of a patch along each axis, as the loader draws them."""
    case = np.random.choice(dataset.identifiers)  # noqa: NPY002 - as the loader itself draws
    views, _, _, properties = dataset.load_case(case)
    around_organ = loader.get_do_oversample(place_in_batch)
    bounds = loader.get_bbox(views.shape[1:], around_organ, properties["class_locations"])
    return case, [[int(lower), int(upper)] for lower, upper in zip(*bounds, strict=True)]


@torch.no_grad()
def measure(trainer, patches: list[tuple[FixedPatch, np.ndarray]]) -> list[dict]:
    """Dice of both teachers' masks, their mixture and the student for every pair, and whether its batch of two kept it.

    CT's share in the mixture of a patch is drawn as a training draws it, at every moment the same. Dice is NaN where neither
    side has the organ.
    """
    rows, alphas = [], torch.rand(len(patches), generator=torch.Generator().manual_seed(0))
    for start in range(0, len(patches), BATCH_SIZE):
        batch, truths = zip(*patches[start : start + BATCH_SIZE], strict=True)
        inspection = inspect_patches(trainer, list(batch), alphas[start : start + BATCH_SIZE])
        rows += [
            {"epoch": trainer.current_epoch, "patch": start + sample}
            | _measured_pair(trainer, inspection, pair, truths[sample])
            for pair, sample in enumerate(inspection.pairs.samples.tolist())
        ]
    return rows


def _measured_pair(trainer, inspection: Inspection, pair: int, truth: np.ndarray) -> dict:
    sample, organ = int(inspection.pairs.samples[pair]), int(inspection.pairs.organs[pair])
    label = trainer.organ_labels[organ]
    masks = {name: mask[pair].numpy() for name, mask in inspection.masks.items()}
    masks["student"] = inspection.student_labels[sample].numpy() == label
    masks["prompt_map"] = inspection.patches[sample].prompt_map[0].numpy() == label
    return {
        "case": inspection.patches[sample].case,
        "organ": label,
        "there": bool((truth == label).any()),
        "agreement": float(inspection.agreement[sample, organ]),
        "kept": bool(inspection.kept[sample, organ]),
        **{f"dice_{name}": dice(mask, truth == label) for name, mask in masks.items()},
    }


def summary(rows: list[dict]) -> list[dict]:
    """A line for each epoch, organ and kind of pair (kept, rejected): what a result keeps of a training's pairs.

    `pairs` counts them, `absent` those whose patch does not have the organ, and `invented_...` at how many of these somebody sees
    it. Dice is the mean over the others, of which each has all of them: the same pairs for teachers, mixture and student.
    """
    if not rows:
        return []
    table, lines = pd.DataFrame(rows), []
    for (epoch, kept, organ), pairs in table.groupby(["epoch", "kept", "organ"]):
        means = pairs[pairs["there"]].filter(like="dice_").mean().dropna().round(4)
        counts = {"pairs": len(pairs), "absent": int((~pairs["there"]).sum())}
        seen = pairs[~pairs["there"]].filter(like="dice_").notna().sum()
        counts |= {f"invented_{name.removeprefix('dice_')}": int(n) for name, n in seen.items()}
        lines.append({"epoch": int(epoch), "kept": bool(kept), "organ": int(organ), **counts, **means.to_dict()})
    return lines


@contextmanager
def _own_chance():
    """NumPy's random numbers from a seed of our own; the training's go on afterwards as if nothing had been drawn."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _truth(trainer, file: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A case's labels as its preprocessed image lies, which the study neither crops nor resamples: checked by the shape."""
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(file))).transpose(trainer.plans_manager.transpose_forward)
    if labels.shape != tuple(shape):
        raise ValueError(f"{file} has {labels.shape} voxels, its preprocessed image {tuple(shape)}")
    return labels.astype(np.int16)
