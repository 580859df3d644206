"""Losses that are not finite, and cases that can't be read: provoked in a training."""

import copy

import numpy as np
import pytest
import torch
from support import log_of, started_epoch


def poisoned(batch):
    return {**batch, "data": torch.full_like(batch["data"], float("nan"))}


def weights_of(trainer):
    return copy.deepcopy(trainer.network.state_dict())


def same(weights, others):
    return all(torch.equal(weights[name], others[name]) for name in weights)


@pytest.mark.parametrize("name", ["nnUNetTrainerMuDuo", "nnUNetTrainerMuDuoPromptGenerator"])
def test_a_labeled_loss_that_is_not_finite_never_reaches_the_weights(prepared_dataset, name):
    trainer = started_epoch(name)
    batch = next(trainer.dataloader_train)
    before = weights_of(trainer)
    lost = trainer.train_step(poisoned(batch))
    assert same(before, weights_of(trainer))
    good = trainer.train_step(batch)
    assert not same(before, weights_of(trainer))
    trainer.on_train_epoch_end([lost, good])
    assert trainer.logger.get_value("train_losses", step=-1) == pytest.approx(float(good["loss"]))
    assert "Skipped 1 of 2 steps" in log_of(trainer)


def test_a_consistency_loss_that_is_not_finite_never_reaches_the_weights(prepared_dataset):
    trainer = started_epoch()
    trainer.dataloader_unlabeled = iter([poisoned(next(trainer.dataloader_unlabeled))])
    before = weights_of(trainer)
    outcome = trainer.train_step(next(trainer.dataloader_train))
    assert np.isfinite(outcome["loss"])
    assert not np.isfinite(outcome["consistency_loss"])
    assert same(before, weights_of(trainer))


def test_gradients_that_are_not_finite_never_reach_the_weights(prepared_dataset):
    trainer = started_epoch()
    before = weights_of(trainer)
    next(trainer.network.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    trainer.train_step(next(trainer.dataloader_train))
    assert same(before, weights_of(trainer))
    assert trainer.n_skipped_in_epoch == 1


def test_twenty_lost_steps_in_a_row_end_the_training(prepared_dataset):
    trainer = started_epoch("nnUNetTrainerMuDuoPromptGenerator")
    checkpoint = f"{trainer.output_folder}/checkpoint_best.pth"
    trainer.save_checkpoint(checkpoint)
    content = open(checkpoint, "rb").read()
    batch = next(trainer.dataloader_train)
    for _ in range(19):
        trainer.train_step(poisoned(batch))
    trainer.train_step(batch)
    for _ in range(19):
        trainer.train_step(poisoned(batch))
    with pytest.raises(RuntimeError, match=r"not finite in 20 steps in a row(.|\n)*checkpoint_(best|final)\.pth"):
        trainer.train_step(poisoned(batch))
    assert open(checkpoint, "rb").read() == content


class ScalerThatNotes:
    """Stands for GradScaler: its own methods decide about a step, ours must not."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *args: self.calls.append(name) or (args[0] if args else None)


def test_the_gradient_scaler_decides_about_overflows(prepared_dataset):
    trainer = started_epoch("nnUNetTrainerMuDuoPromptGenerator")
    trainer.grad_scaler = ScalerThatNotes()
    batch = next(trainer.dataloader_train)
    trainer.train_step(poisoned(batch))  # its loss is lost: nothing to scale down for
    assert trainer.grad_scaler.calls == ["scale"]
    next(trainer.network.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    trainer.train_step(batch)
    assert trainer.grad_scaler.calls[1:] == ["scale", "unscale_", "step", "update"]


def test_the_training_names_the_damaged_case_in_its_log(prepared_dataset, monkeypatch):
    trainer = started_epoch()
    trainer.unlabeled_cases = [f"unlabeled_{i}" for i in range(20)]  # one of four would be too many
    batch = {**next(trainer.dataloader_unlabeled), "damaged": {"unlabeled_2": "Case unlabeled_2 can't be read: cut."}}
    trainer.dataloader_unlabeled = iter([batch, batch, {**batch, "damaged": {"unlabeled_3": "Case unlabeled_3: cut."}}])
    for _ in range(2):
        trainer.next_unlabeled()
    assert log_of(trainer).count("Case unlabeled_2 can't be read: cut. It is left out from now on.") == 1
    with pytest.raises(RuntimeError, match="2 of 20 unlabeled cases can't be used"):  # found by two workers
        trainer.next_unlabeled()
