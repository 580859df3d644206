"""How good the pseudo labels are over a training, against a truth that the training never sees."""

import types
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from acvl_utils.cropping_and_padding.bounding_boxes import crop_and_pad_nd
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader

from benchmarks.study.datasets import unlabeled_truth
from benchmarks.study.scale import Setting
from nnunetv2_muduo.data.fixed_patches import FixedPatch, cut_patch
from nnunetv2_muduo.evaluation.metrics import dice
from nnunetv2_muduo.trainers.inspection import Inspection, inspect_patches, unlabeled_dataset

N_PATCHES = 80
N_MOMENTS = 5
BATCH_SIZE = 2


def observe(trainer, setting: Setting, cohort: Path) -> list[dict]:
    """A list that takes Dice against the truth of every pair's masks, at some epochs of the trainer's run."""
    found: list[dict] = []
    on_epoch_end = trainer.on_epoch_end
    patches = cache(lambda: drawn_patches(trainer, unlabeled_truth(setting, cohort)))

    def observed(self) -> None:
        on_epoch_end()
        every = max(1, self.num_epochs // N_MOMENTS)
        if self.current_epoch % every == 0 or self.current_epoch == self.num_epochs:
            found.extend(measure(self, patches()))

    trainer.on_epoch_end = types.MethodType(observed, trainer)
    return found


def drawn_patches(trainer, truth_files: dict[str, Path]) -> list[tuple[FixedPatch, np.ndarray]]:
    """Patches as a training draws them, half around an organ of the prompt map, with their truth; the same ones every time."""
    dataset = unlabeled_dataset(trainer)
    loader = nnUNetDataLoader(
        dataset,
        BATCH_SIZE,
        trainer.patch_size,
        trainer.patch_size,
        trainer.label_manager,
        oversample_foreground_percent=trainer.oversample_foreground_percent,
    )
    patches = []
    with _own_chance():
        for index in range(N_PATCHES):
            case = np.random.choice(dataset.identifiers)  # noqa: NPY002 - as the loader itself draws
            views, _, _, properties = dataset.load_case(case)
            around_organ = loader.get_do_oversample(index % BATCH_SIZE)
            bounds = loader.get_bbox(views.shape[1:], around_organ, properties["class_locations"])
            region = [[int(lower), int(upper)] for lower, upper in zip(*bounds, strict=True)]
            truth = _truth(trainer, truth_files[case], views.shape[1:])
            patches.append((cut_patch(dataset, case, region), crop_and_pad_nd(truth[None], region, 0)[0]))
    return patches


@torch.no_grad()
def measure(trainer, patches: list[tuple[FixedPatch, np.ndarray]]) -> list[dict]:
    """Dice of both teachers' masks, their mixture and the student for every pair; NaN where neither side has the organ."""
    rows = []
    for start in range(0, len(patches), BATCH_SIZE):
        batch, truths = zip(*patches[start : start + BATCH_SIZE], strict=True)
        inspection = inspect_patches(trainer, list(batch))
        rows += [
            {"epoch": trainer.current_epoch, "n_patches": len(patches), "patch": start + sample}
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
        **{f"dice_{name}": dice(mask, truth == label) for name, mask in masks.items()},
    }


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
