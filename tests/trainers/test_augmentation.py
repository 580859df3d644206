"""Thick slices stay slices: the plan's own patch decides about nnU-Net's dummy 2d augmentation, not the cube that replaces it."""

import json

import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.utils.pseudo2d import Convert3DTo2DTransform
from stock_command import add_own_trainers
from support import DATASET, log_of, make_trainer, write_config

from nnunetv2_muduo.trainers.unlabeled_loading import unlabeled_loader

ROTATION_30 = (-np.pi / 6, np.pi / 6)


def plan_patch(root, patch_size):
    """Let the plans have another patch, as nnU-Net's planner gives it where slices are thicker or thinner."""
    path = root / "pre" / DATASET / "nnUNetPlans.json"
    plans = json.loads(path.read_text())
    plans["configurations"]["3d_fullres"]["patch_size"] = patch_size
    path.write_text(json.dumps(plans))


def initialized(name):
    trainer = make_trainer(name)
    trainer.initialize()
    return trainer


def ranges(trainer):
    return trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()


@pytest.mark.parametrize(
    "name", ["nnUNetTrainerMuDuo", "nnUNetTrainerMuDuo_Supervised", "nnUNetTrainerMuDuoPromptGenerator"]
)
@pytest.mark.parametrize(
    ("planned", "flat"), [([40, 40, 40], False), ([16, 40, 48], False), ([12, 40, 40], True), ([10, 32, 64], True)]
)
def test_a_cube_is_augmented_as_the_planned_patch(tiny_dataset_copy, name, planned, flat):
    plan_patch(tiny_dataset_copy, planned)
    trainer = initialized(name)
    rotation, dummy_2d, initial_patch_size, axes = ranges(trainer)
    assert dummy_2d == flat
    assert axes == (0, 1, 2)
    assert rotation == ((-np.pi, np.pi) if flat else ROTATION_30)
    assert trainer.configuration_manager.patch_size == [24, 24, 24]
    assert (initial_patch_size[0] == 24) == flat
    assert min(initial_patch_size[1:]) > 24
    assert ("is of thick slices: as planned" in log_of(trainer)) == flat


def test_a_cube_of_the_config_too(tiny_dataset_copy, tmp_path, monkeypatch):
    plan_patch(tiny_dataset_copy, [12, 40, 40])
    write_config(monkeypatch, tmp_path, patch_size=16)
    assert ranges(initialized("nnUNetTrainerMeanTeacher"))[1]


def test_the_ranges_of_thin_slices_are_nnunets_own_on_the_same_patch(tiny_dataset):
    trainer, stock = initialized("nnUNetTrainerMuDuo"), make_trainer("nnUNetTrainer")
    stock.configuration_manager.configuration["patch_size"] = [24, 24, 24]
    for own, of_nnunet in zip(ranges(trainer), ranges(stock), strict=True):
        np.testing.assert_array_equal(own, of_nnunet)


OWN = """
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainer_noDummy2DDA import *

class nnUNetTrainerTilts(nnUNetTrainerMuDuo_Supervised, nnUNetTrainer_noDummy2DDA):
    pass
"""


def test_who_wants_tilted_slices_has_them(tiny_dataset_copy, tmp_path, monkeypatch):
    from nnunetv2.run.run_training import get_trainer_from_args

    plan_patch(tiny_dataset_copy, [12, 40, 40])
    add_own_trainers(monkeypatch, tmp_path, OWN)
    trainer = get_trainer_from_args("1", "3d_fullres", 0, "nnUNetTrainerTilts", device=torch.device("cpu"))
    trainer.initialize()
    assert ranges(trainer)[:2] == (ROTATION_30, False)


def moves_within_slices(transforms, n_channels, initial_patch_size):
    """Whether the spatial transform, always turning, leaves every slice of one value what it is inside the image."""
    spatial = [t for t in transforms if isinstance(t, SpatialTransform)]
    for transform in spatial:
        transform.p_rotation = 1
    shape = [int(n) for n in initial_patch_size]
    values = torch.arange(1.0, 1 + shape[0])[:, None, None].expand(shape)
    data = {"image": values[None].repeat(n_channels, 1, 1, 1), "segmentation": values[None].to(torch.int16)}
    for transform in transforms[: 3 if isinstance(transforms[0], Convert3DTo2DTransform) else 1]:
        data = transform(**data)
    middle = data["image"][:, :, 8:16, 8:16]
    return bool(torch.allclose(middle, middle.mean((2, 3), keepdim=True), atol=1e-3))


@pytest.mark.parametrize(("planned", "flat"), [([12, 40, 40], True), ([40, 40, 40], False)])
def test_thick_slices_are_never_mixed_in_labeled_and_unlabeled_patches(prepared_dataset, planned, flat):
    torch.manual_seed(0)
    plan_patch(prepared_dataset, planned)
    trainer = initialized("nnUNetTrainerMuDuo")
    rotation, dummy_2d, initial_patch_size, axes = ranges(trainer)
    labeled = trainer.get_training_transforms(trainer.patch_size, rotation, None, axes, dummy_2d).transforms
    unlabeled = unlabeled_loader(trainer).transforms.transforms
    for transforms, n_channels in [(labeled, 2), (unlabeled, 4)]:
        found = [moves_within_slices(transforms, n_channels, initial_patch_size) for _ in range(3)]
        assert all(found) if flat else not any(found)


def test_a_training_on_thick_slices_takes_its_steps(prepared_dataset):
    plan_patch(prepared_dataset, [12, 40, 40])
    trainer = make_trainer()
    trainer.run_training()
    logged = trainer.logger.local_logger.my_fantastic_logging
    assert np.isfinite(logged["train_losses"] + logged["consistency_losses"]).all()
    assert "do_dummy_2d_data_aug: True" in log_of(trainer)
