"""nnU-Net's own variants mixed into our trainers, before or after them: left is never mirrored into right."""

import json

import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.rot90 import Rot90Transform
from batchgeneratorsv2.transforms.spatial.transpose import TransposeAxesTransform
from stock_command import add_own_trainers, train_fold
from support import DATASET, log_of, write_config

VARIANTS = {
    "nnUNetTrainerDA5": "data_augmentation.nnUNetTrainerDA5",
    "nnUNetTrainerDA5ord0": "data_augmentation.nnUNetTrainerDA5",
    "nnUNetTrainerDA5Segord0": "data_augmentation.nnUNetTrainerDA5",
    "nnUNetTrainer_noDummy2DDA": "data_augmentation.nnUNetTrainer_noDummy2DDA",
    "nnUNetTrainerNoMirroring": "data_augmentation.nnUNetTrainerNoMirroring",
    "nnUNetTrainer_onlyMirror01": "data_augmentation.nnUNetTrainerNoMirroring",
    "nnUNetTrainer_onlyMirror01_DASegOrd0": "data_augmentation.nnUNetTrainerNoMirroring",
    "nnUNetTrainer_DASegOrd0": "data_augmentation.nnUNetTrainerDAOrd0",
    "nnUNetTrainerNoDA": "data_augmentation.nnUNetTrainerNoDA",
    "nnUNetTrainer_onlyMirror01_DA5": "competitions.aortaseg24",
    "nnUNetTrainerTopk10LossLS01": "loss.nnUNetTrainerTopkLoss",
}
OWN_HOOK = """
class nnUNetTrainerOwnHook(nnUNetTrainerMuDuo_Supervised):
    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self):
        rotation, dummy_2d, patch_size, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        self.inference_allowed_mirroring_axes = (0, 1, 2)
        return rotation, dummy_2d, patch_size, (0, 1, 2)
"""
OWN_TRANSFORMS = """
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform

class nnUNetTrainerOwnTransforms(nnUNetTrainerMuDuo_Supervised):
    def get_training_transforms(self, *args, **kwargs):
        transforms = super().get_training_transforms(*args, **kwargs)
        transforms.transforms.append(MirrorTransform((0, 1, 2)))
        return transforms
"""


def mixed(variant, first, base="nnUNetTrainerMuDuo_Supervised"):
    bases = f"{variant}, {base}" if first else f"{base}, {variant}"
    place = f"nnunetv2.training.nnUNetTrainer.variants.{VARIANTS[variant]}"
    return f"from {place} import {variant}\n\nclass nnUNetTrainerMixed({bases}):\n    pass\n"


def name_sides(root):
    for path in (root / "pre" / DATASET / "dataset.json", root / "raw" / DATASET / "dataset.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"labels": {"background": 0, "kidney_left": 1, "kidney_right": 2}}))


def built(name="nnUNetTrainerMixed"):
    from nnunetv2.run.run_training import get_trainer_from_args

    trainer = get_trainer_from_args("1", "3d_fullres", 0, name, device=torch.device("cpu"))
    trainer.initialize()
    return trainer


def axes_and_moves(trainer):
    """Mirror axes in training and inference, and the transforms that mirror or exchange axes."""
    rotation, dummy_2d, _, axes = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    patch_size = trainer.configuration_manager.patch_size
    transforms = trainer.get_training_transforms(patch_size, rotation, None, axes, dummy_2d).transforms
    kinds = (MirrorTransform, Rot90Transform, TransposeAxesTransform)
    moves = [t for t in transforms if isinstance(getattr(t, "transform", t), kinds)]
    return axes, trainer.inference_allowed_mirroring_axes, moves


def keeps_sides(moves, axis):
    """Whether a patch that rises along an axis does so after the moves, however often they are drawn."""
    shape = [1, 1, 1]
    shape[axis] = 6
    rising = torch.arange(6.0).reshape(shape).expand(6, 6, 6)[None]
    for _ in range(60):
        data = {"image": rising.clone(), "segmentation": rising.to(torch.int16)}
        for move in moves:
            data = move(**data)
        if not torch.equal(data["image"], rising):
            return False
    return True


@pytest.mark.parametrize("first", [True, False], ids=["variant-first", "muduo-first"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_sides_are_kept_with_every_variant(tiny_dataset_copy, tmp_path, monkeypatch, variant, first):
    """Also of plans that transpose, where a variant for the usual order of axes mirrors along the wrong ones."""
    torch.manual_seed(0)
    name_sides(tiny_dataset_copy)
    transpose = [2, 0, 1]
    path = tiny_dataset_copy / "pre" / DATASET / "nnUNetPlans.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"transpose_forward": transpose}))
    add_own_trainers(monkeypatch, tmp_path, mixed(variant, first))
    axes, in_inference, moves = axes_and_moves(built())
    side = transpose.index(2)  # x of (z, y, x)
    assert side not in (axes or ())
    assert side not in (in_inference or ())
    assert keeps_sides(moves, side)


@pytest.mark.parametrize("own", [OWN_HOOK, OWN_TRANSFORMS], ids=["hook", "transforms"])
def test_sides_are_kept_with_methods_of_users(tiny_dataset_copy, tmp_path, monkeypatch, own):
    torch.manual_seed(0)
    name_sides(tiny_dataset_copy)
    add_own_trainers(monkeypatch, tmp_path, own)
    trainer = built("nnUNetTrainerOwnHook" if own is OWN_HOOK else "nnUNetTrainerOwnTransforms")
    axes, in_inference, moves = axes_and_moves(trainer)
    assert axes == in_inference == (0, 1)
    assert keeps_sides(moves, 2)
    assert "no mirroring along axis [2], in training and inference" in log_of(trainer)


@pytest.mark.parametrize("variant", ["nnUNetTrainerDA5", "nnUNetTrainer_noDummy2DDA", "nnUNetTrainer_DASegOrd0"])
def test_labels_without_sides_are_mirrored_as_the_variant_does(tiny_dataset_copy, tmp_path, monkeypatch, variant):
    torch.manual_seed(0)
    add_own_trainers(monkeypatch, tmp_path, mixed(variant, first=True))
    axes, in_inference, moves = axes_and_moves(built())
    assert axes == in_inference == (0, 1, 2)
    assert not any(keeps_sides(moves, axis) for axis in range(3))


def test_variants_that_mirror_less_still_do(tiny_dataset_copy, tmp_path, monkeypatch):
    name_sides(tiny_dataset_copy)
    add_own_trainers(monkeypatch, tmp_path, mixed("nnUNetTrainerNoMirroring", first=True))
    assert axes_and_moves(built())[:2] == ((), None)


@pytest.mark.parametrize("augmentation", ["no_mirroring", "none"])
def test_a_config_without_mirroring_holds_with_a_variant(tiny_dataset_copy, tmp_path, monkeypatch, augmentation):
    write_config(monkeypatch, tmp_path, augmentation=augmentation)
    add_own_trainers(monkeypatch, tmp_path, mixed("nnUNetTrainerDA5", first=True))
    axes, in_inference, moves = axes_and_moves(built())
    assert (axes, in_inference) == ((), None)
    assert all(keeps_sides(moves, axis) for axis in range(3))


def test_patches_that_are_turned_right_round_are_not_mirrored_within_their_slices(tiny_dataset_copy):
    """Half a turn, then mirroring along the slice's other axis, is mirroring from side to side."""
    name_sides(tiny_dataset_copy)
    path = tiny_dataset_copy / "pre" / DATASET / "nnUNetPlans.json"
    plans = json.loads(path.read_text())
    plans["configurations"]["3d_fullres"]["patch_size"] = [12, 40, 40]
    path.write_text(json.dumps(plans))
    trainer = built("nnUNetTrainerMuDuo_Supervised")
    axes, in_inference, _ = axes_and_moves(trainer)
    assert np.max(trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()[0]) == np.pi
    assert axes == in_inference == (0,)


def test_training_with_a_variant_first_writes_the_axes_that_prediction_mirrors_along(
    prepared_dataset, tmp_path, monkeypatch
):
    write_config(monkeypatch, tmp_path, num_epochs=1, num_iterations_per_epoch=1)
    name_sides(prepared_dataset)
    add_own_trainers(monkeypatch, tmp_path, mixed("nnUNetTrainerDA5", first=True, base="nnUNetTrainerMeanTeacher"))
    train_fold(0, "nnUNetTrainerMixed")
    model = prepared_dataset / "res" / DATASET / "nnUNetTrainerMixed__nnUNetPlans__3d_fullres"
    stored = torch.load(model / "fold_0" / "checkpoint_final.pth", weights_only=False)
    assert stored["inference_allowed_mirroring_axes"] == (0, 1)
