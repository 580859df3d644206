import json
import shutil

import numpy as np
import pytest
import torch
from support import DATASET, make_trainer, write_config


def edit_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def own_dataset(tiny_dataset, tmp_path, monkeypatch):
    """Preprocessed folder of a copy of the tiny data set that a test may change."""
    shutil.copytree(tiny_dataset / "pre", tmp_path / "pre")
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path / "pre"))
    return tmp_path / "pre" / DATASET


def test_the_patch_becomes_the_teachers_and_the_log_says_so(tiny_dataset):
    trainer = make_trainer()
    trainer.initialize()
    assert trainer.configuration_manager.patch_size == [24, 24, 24]
    assert "Patch size [40, 40, 40] of the plans becomes [24, 24, 24]" in open(trainer.log_file).read()


@pytest.mark.parametrize(
    ("name", "kind", "rate"), [("sgd", torch.optim.SGD, 0.01), ("adamw", torch.optim.AdamW, 0.003)]
)
def test_the_optimizer_is_nnunets_or_adamw_and_its_rate_falls_alike(
    tiny_dataset, tmp_path, monkeypatch, name, kind, rate
):
    write_config(monkeypatch, tmp_path, optimizer=name, num_epochs=10)
    trainer = make_trainer()
    trainer.initialize()
    assert type(trainer.optimizer) is kind
    trainer.lr_scheduler.step(5)
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(rate * 0.5**0.9)


def test_2d_is_refused(tiny_dataset):
    trainer = make_trainer()
    trainer.configuration_manager.configuration["patch_size"] = [40, 40]
    with pytest.raises(NotImplementedError, match=r"2d.*3d_fullres"):
        trainer.initialize()


def test_cascades_are_refused(own_dataset):
    def add_cascade(plans):
        plans["configurations"]["3d_fullres"]["previous_stage"] = "3d_lowres"

    edit_json(own_dataset / "nnUNetPlans.json", add_cascade)
    with pytest.raises(NotImplementedError, match="cascades"):
        make_trainer().initialize()


def test_regions_are_refused(own_dataset):
    def make_regions(content):
        content.update(labels={"background": 0, "whole": [1, 2], "core": 2}, regions_class_order=[1, 2])

    edit_json(own_dataset / "dataset.json", make_regions)
    with pytest.raises(NotImplementedError, match="region"):
        make_trainer().initialize()


@pytest.mark.parametrize("channels", [{"0": "CT"}, {"0": "PET", "1": "CT"}, {"0": "CT", "1": "CT"}])
def test_other_channels_than_ct_and_pet_are_refused(own_dataset, channels):
    edit_json(own_dataset / "dataset.json", lambda content: content.update(channel_names=channels))
    with pytest.raises(NotImplementedError, match="two channels"):
        make_trainer().initialize()


def test_teachers_of_two_sizes_are_refused(tiny_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, pet_teacher="seganypet")
    with pytest.raises(ValueError, match="same image size"):
        make_trainer().initialize()


def mirror_axes(trainer):
    trainer.initialize()
    _, _, _, axes = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    assert trainer.inference_allowed_mirroring_axes == (axes or None)  # nnU-Net's predictor can't take an empty tuple
    return axes


@pytest.mark.parametrize("name", ["nnUNetTrainerMuDuo", "nnUNetTrainerMuDuoPromptGenerator"])
def test_left_and_right_are_never_mirrored_into_each_other(own_dataset, name):
    assert mirror_axes(make_trainer(name)) == (0, 1, 2)
    edit_json(
        own_dataset / "dataset.json",
        lambda content: content.update(labels={"background": 0, "kidney_left": 1, "kidney_right": 2}),
    )
    transpose = json.loads((own_dataset / "nnUNetPlans.json").read_text())["transpose_forward"]
    side = transpose.index(2)  # the images' direction is the identity: x of (z, y, x) runs from side to side
    assert mirror_axes(make_trainer(name)) == tuple(axis for axis in range(3) if axis != side)


def transforms_of(trainer):
    trainer.initialize()
    rotation, dummy_2d, initial_patch_size, axes = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    transforms = trainer.get_training_transforms(trainer.patch_size, rotation, None, axes, dummy_2d).transforms
    return [type(getattr(t, "transform", t)).__name__ for t in transforms], list(initial_patch_size)


def test_augmentation_is_nnunets_or_without_mirroring_or_none(tiny_dataset, tmp_path, monkeypatch):
    all_of_nnunets, larger_patch = transforms_of(make_trainer())
    assert larger_patch > [24, 24, 24]
    write_config(monkeypatch, tmp_path, augmentation="no_mirroring")
    assert mirror_axes(make_trainer()) == ()
    without_mirroring = [name for name in all_of_nnunets if name != "MirrorTransform"]
    assert transforms_of(make_trainer()) == (without_mirroring, larger_patch)
    assert len(without_mirroring) == len(all_of_nnunets) - 1
    write_config(monkeypatch, tmp_path, augmentation="none")
    assert mirror_axes(make_trainer()) == ()
    assert transforms_of(make_trainer()) == (["RemoveLabelTransform"], [24, 24, 24])


@pytest.mark.parametrize(("n_cases", "n_folds"), [(1, 1), (2, 2), (4, 4), (5, 5)])
def test_a_split_for_few_labeled_cases(own_dataset, n_cases, n_folds):
    for i in range(n_cases, 5):
        for file in (own_dataset / "nnUNetPlans_3d_fullres").glob(f"labeled_{i}*"):
            file.unlink()
    (own_dataset / "splits_final.json").unlink(missing_ok=True)
    trainer = make_trainer()
    trainer.initialize()
    train, val = trainer.do_split()
    splits = json.loads((own_dataset / "splits_final.json").read_text())
    assert len(splits) == n_folds
    assert len(val) >= 1
    assert len(train) >= 1
    if n_cases > 1:
        assert not set(train) & set(val)
        assert sorted(case for split in splits for case in split["val"]) == [f"labeled_{i}" for i in range(n_cases)]


def test_checkpoints_of_other_trainers_are_refused(tiny_dataset, tmp_path):
    stock = make_trainer("nnUNetTrainer")
    stock.initialize()
    stock.save_checkpoint(str(tmp_path / "stock.pth"))
    with pytest.raises(ValueError, match=r"stock.pth was not written by nnUNetTrainerMuDuo"):
        make_trainer().load_checkpoint(str(tmp_path / "stock.pth"))


def test_validation_needs_no_teacher(tiny_dataset, tmp_path, monkeypatch):
    trainer = make_trainer()
    trainer.initialize()
    trainer.save_checkpoint(str(tmp_path / "checkpoint.pth"))
    write_config(monkeypatch, tmp_path, ct_teacher="/gone.pth", pet_teacher="/gone.pth")
    other = make_trainer()
    other.load_checkpoint(str(tmp_path / "checkpoint.pth"))
    assert other.configuration_manager.patch_size == [24, 24, 24]
    for name, value in trainer.network.state_dict().items():
        assert np.array_equal(value.numpy(), other.network.state_dict()[name].numpy())


def test_a_refusal_ends_a_training_as_itself(own_dataset):
    edit_json(own_dataset / "dataset.json", lambda content: content.update(channel_names={"0": "CT", "1": "CT"}))
    with pytest.raises(NotImplementedError, match="two channels"):
        make_trainer().run_training()


def test_a_method_without_teachers_has_the_plans_patch_or_the_configs(tiny_dataset, tmp_path, monkeypatch):
    def patch_of(name, **values):
        write_config(monkeypatch, tmp_path, **values)
        trainer = make_trainer(name)
        trainer.initialize()
        return trainer.configuration_manager.patch_size

    assert patch_of("nnUNetTrainerMeanTeacher") == [40, 40, 40]
    assert patch_of("nnUNetTrainerMeanTeacher", patch_size=32) == [32, 32, 32]
    assert patch_of("nnUNetTrainerMuDuo_Supervised") == [24, 24, 24]
    assert patch_of("nnUNetTrainerMuDuo_Supervised", patch_size=32) == [32, 32, 32]
    with pytest.raises(ValueError, match="patch_size is 32, but the teachers see 24 voxels"):
        patch_of("nnUNetTrainerMuDuo", patch_size=32)


def test_plans_that_normalize_within_a_mask_are_no_plans_for_teachers(own_dataset):
    def use_mask(plans):
        plans["configurations"]["3d_fullres"]["use_mask_for_norm"] = [True, True]

    edit_json(own_dataset / "nnUNetPlans.json", use_mask)
    with pytest.raises(NotImplementedError, match="use_mask_for_norm"):
        make_trainer().initialize()
    make_trainer("nnUNetTrainerMeanTeacher").initialize()
