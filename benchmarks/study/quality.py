"""How good the pseudo labels are over a training, against a truth that the training never sees."""

import types
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from acvl_utils.cropping_and_padding.bounding_boxes import crop_and_pad_nd

from benchmarks.study.datasets import unlabeled_truth
from benchmarks.study.scale import Setting

N_PATCHES = 24
N_MOMENTS = 6


def observe(trainer, setting: Setting, cohort: Path) -> list[dict]:
    """A list that takes Dice against the truth of every pair's masks, at some epochs of the trainer's run."""
    found: list[dict] = []
    truth = unlabeled_truth(setting, cohort)
    on_epoch_end = trainer.on_epoch_end

    def observed(self) -> None:
        on_epoch_end()
        every = max(1, self.num_epochs // N_MOMENTS)
        if self.current_epoch % every == 0 or self.current_epoch == self.num_epochs:
            found.extend(measure(self, truth))

    trainer.on_epoch_end = types.MethodType(observed, trainer)
    return found


@torch.no_grad()
def measure(trainer, truth_files: dict[str, Path]) -> list[dict]:
    """Dice of both teachers' masks, their mixture and the student, for pairs of fixed patches; NaN where neither side has it."""
    from nnunetv2_muduo.evaluation.metrics import dice
    from nnunetv2_muduo.trainers.consultation import consult

    consultation = consult(trainer, N_PATCHES)
    pairs = consultation.pairs
    truths = [_patch_truth(trainer, truth_files[patch.case], patch.region) for patch in consultation.patches]
    rows = []
    for pair, (sample, organ) in enumerate(zip(pairs.samples.tolist(), pairs.organs.tolist(), strict=True)):
        true_mask = truths[sample] == trainer.organ_labels[organ]
        masks = {name: mask[pair].numpy() for name, mask in consultation.masks.items()}
        masks["student"] = consultation.student_labels[sample].numpy() == trainer.organ_labels[organ]
        masks["prompt_map"] = consultation.patches[sample].prompt_map[0].numpy() == trainer.organ_labels[organ]
        rows.append({
            "epoch": trainer.current_epoch,
            "case": consultation.patches[sample].case,
            "organ": trainer.organ_labels[organ],
            "agreement": float(consultation.agreement[sample, organ]),
            **{f"dice_{name}": dice(mask, true_mask) for name, mask in masks.items()},
        })  # fmt: skip
    return rows


def _patch_truth(trainer, file: Path, region: list[list[int]]) -> np.ndarray:
    """The truth of a patch. The study's images are on the plan's grid and not cropped: checked by their size."""
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(file))).transpose(trainer.plans_manager.transpose_forward)
    return crop_and_pad_nd(labels[None].astype(np.int16), region, 0)[0]
