"""A training that was stopped and continued ends as one that was not."""

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from stock_command import model_folder, train_fold
from support import DATASET, generator_folders, make_trainer, seed_everything, write_config

from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.teachers.registry import SMALL_TEACHERS


class Stopped(Exception):
    """Stands for whatever ends a training."""


def train(stop_after=None, continue_training=False):
    seed_everything()  # as a new process would: nothing of the interrupted one is left
    trainer = make_trainer(continue_training=continue_training)
    if continue_training:
        trainer.load_checkpoint(f"{trainer.output_folder}/checkpoint_latest.pth")
    if stop_after is not None:
        trainer.save_every = 1
        end_epoch = trainer.on_epoch_end

        def stop():
            end_epoch()
            if trainer.current_epoch == stop_after:
                raise Stopped

        trainer.on_epoch_end = stop
    try:
        trainer.run_training()
    except Stopped:
        pass
    return trainer


def result(trainer):
    logged = trainer.logger.local_logger.my_fantastic_logging
    losses = [logged[key] for key in ("train_losses", "consistency_losses", "val_losses", "agreement_per_organ")]
    return losses, {name: weights.clone() for name, weights in trainer.network.state_dict().items()}


def test_four_epochs_equal_two_and_two_more_bit_for_bit(prepared_dataset, tmp_path, monkeypatch):
    write_config(
        monkeypatch,
        tmp_path,
        num_epochs=4,
        prompt_generator_num_epochs=2,
        ramp_up_epochs=4,
        picture_every_epochs=0,
        least_agreement=0.0,
    )
    losses, weights = result(train())
    assert any(losses[1])
    killed = Path(train(stop_after=2).output_folder)
    (killed / "checkpoint_latest.pth.part").write_bytes(b"what was written when it was killed")
    continued_losses, continued_weights = result(train(continue_training=True))
    for continued, undisturbed in zip(continued_losses, losses, strict=True):
        np.testing.assert_array_equal(continued, undisturbed)
    assert all(torch.equal(continued_weights[name], weights[name]) for name in weights)
    assert not list(killed.glob("*.part"))


EVERYTHING = {
    "ct_prompts": "points_and_mask",
    "pet_prompts": "points_and_mask",
    "pet_mask_prompt_source": "prompt_generator",
    "prompting_network": "average",
    "prompting_view": "clean",
    "ema_decay": 0.8,
    "valid_by": "either",
    "pair_score": "product",
    "kept_pairs": "best_half_of_memory",
    "score_memory": 5,
    "least_agreement": 0.001,
    "pseudo_label": "soft",
    "average_share": 0.3,
    "ramp_down_share": 0.5,
    "organ_weights": "by_lead",
}


def test_so_they_do_with_all_that_a_training_can_remember(prepared_dataset, tmp_path, monkeypatch):
    common = {"num_epochs": 4, "prompt_generator_num_epochs": 2, "ramp_up_epochs": 1, "picture_every_epochs": 1}
    write_config(monkeypatch, tmp_path, **common, **EVERYTHING)
    undisturbed = train()
    losses, weights = result(undisturbed)
    assert "failed after epoch" not in Path(undisturbed.log_file).read_text()  # the pictures
    assert len(list((Path(undisturbed.output_folder) / "muduo_panels").iterdir())) == 4
    train(stop_after=2)
    continued = train(continue_training=True)
    continued_losses, continued_weights = result(continued)
    for after, before in zip(continued_losses, losses, strict=True):
        np.testing.assert_array_equal(after, before)
    assert all(torch.equal(continued_weights[name], weights[name]) for name in weights)
    for name, kept in undisturbed.pair_filter.state().items():
        assert torch.equal(kept.nan_to_num(-9), continued.pair_filter.state()[name].nan_to_num(-9))
        assert not kept.isnan().all(), name


def test_with_worker_processes_the_curves_go_on_without_a_step(prepared_dataset, tmp_path, monkeypatch):
    write_config(
        monkeypatch, tmp_path, num_epochs=4, prompt_generator_num_epochs=2, ramp_up_epochs=4, picture_every_epochs=0
    )
    monkeypatch.setenv("nnUNet_n_proc_DA", "2")
    stopped = train(stop_after=2)
    logged = copy.deepcopy(stopped.logger.local_logger.my_fantastic_logging)
    for loader in (stopped.dataloader_train, stopped.dataloader_val, stopped.dataloader_unlabeled):
        loader._finish(timeout=1)
    continued = train(continue_training=True).logger.local_logger.my_fantastic_logging
    assert {key: values[:2] for key, values in continued.items()} == logged
    assert {len(values) for values in continued.values()} == {4}
    np.testing.assert_allclose(continued["lrs"], [0.01 * (1 - epoch / 4) ** 0.9 for epoch in range(4)])
    ramp = [MuDuoConfig().consistency_weight * np.exp(-5 * (1 - epoch / 4) ** 2) for epoch in range(4)]
    np.testing.assert_allclose(continued["ramp_up_weights"], ramp)


@pytest.mark.parametrize("name", ["nnUNetTrainerMuDuo_Supervised", "nnUNetTrainerMeanTeacher"])
def test_a_training_killed_at_its_very_end_leaves_nothing_when_continued(prepared_dataset, tmp_path, monkeypatch, name):
    write_config(monkeypatch, tmp_path, num_epochs=1, num_iterations_per_epoch=1)
    train_fold(0, name)
    folder = model_folder(prepared_dataset, name) / "fold_0"
    for left in ("checkpoint_latest.pth", "checkpoint_previous.pth", "checkpoint_final.pth.part"):
        (folder / left).write_bytes((folder / "checkpoint_final.pth").read_bytes())
    train_fold(0, name, "--c")
    assert {path.name for path in folder.glob("*checkpoint*")} == {"checkpoint_final.pth", "checkpoint_best.pth"}


@pytest.fixture
def finished(prepared_dataset, tmp_path, monkeypatch):
    """Folder of a student that is trained to its end, and whose generator, maps and teachers are gone since."""
    teacher = shutil.copy(SMALL_TEACHERS / "ct.safetensors", tmp_path)
    write_config(monkeypatch, tmp_path, num_epochs=1, num_iterations_per_epoch=1, ct_teacher=str(teacher))
    train_fold(0, "nnUNetTrainerMuDuo")
    for folder in generator_folders(prepared_dataset):
        shutil.rmtree(folder.parent)
    shutil.rmtree(prepared_dataset / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled")
    Path(teacher).unlink()
    return prepared_dataset / "res" / DATASET / "nnUNetTrainerMuDuo__nnUNetPlans__3d_fullres" / "fold_0"


@pytest.mark.parametrize("how", [("--c",), ("--val",), ("--c", "--val_best"), ("--val", "--val_best")])
def test_a_finished_training_is_validated_without_what_it_was_made_with(finished, prepared_dataset, how):
    shutil.rmtree(finished / "validation")
    final = (finished / "checkpoint_final.pth").read_bytes()
    train_fold(0, "nnUNetTrainerMuDuo", *how)
    assert (finished / "validation" / "summary.json").is_file()
    assert (finished / "checkpoint_final.pth").read_bytes() == final
    assert generator_folders(prepared_dataset) == []
    assert not (prepared_dataset / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled").exists()
