"""The contract of a semi-supervised method, by a method of a few lines."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from support import make_trainer, write_config

from nnunetv2_muduo import trainers
from nnunetv2_muduo.trainers.semi_supervised import SemiSupervisedTrainer


class nnUNetTrainerEntropy(SemiSupervisedTrainer):
    """Unlabeled patches should be told apart surely."""

    logged = ("mean_entropy",)
    n_updates = 0

    def unlabeled_loss(self, student_logits, patches):
        self.seen = patches
        entropy = -(student_logits.softmax(1) * student_logits.log_softmax(1)).sum(1).mean()
        return entropy, {"mean_entropy": entropy.detach().cpu().numpy()}

    def on_student_updated(self):
        self.n_updates += 1

    def own_state(self):
        return {"n_updates": self.n_updates}

    def restore(self, state):
        self.n_updates = state["n_updates"]


@pytest.fixture
def method(prepared_dataset, monkeypatch):
    monkeypatch.setattr(trainers, "nnUNetTrainerEntropy", nnUNetTrainerEntropy, raising=False)
    return "nnUNetTrainerEntropy"


def test_a_method_is_its_loss_and_the_curves_it_names(method):
    trainer = make_trainer(method)
    trainer.run_training()
    assert trainer.seen.student_view.shape == (2, 2, 40, 40, 40)
    assert trainer.seen.physical == {}
    assert trainer.seen.prompt_map is None
    assert trainer.n_updates == 4
    logged = trainer.logger.local_logger.my_fantastic_logging
    assert logged["mean_entropy"] == pytest.approx(logged["consistency_losses"])
    assert len(logged["mean_entropy"]) == 2
    table = pd.read_csv(Path(trainer.output_folder) / "muduo_progress.csv")
    assert table["consistency_loss"].tolist() == pytest.approx(logged["consistency_losses"])


def test_its_state_survives_continuing(method):
    trainer = make_trainer(method)
    trainer.run_training()
    continued = make_trainer(method, continue_training=True)
    continued.load_checkpoint(f"{trainer.output_folder}/checkpoint_final.pth")
    assert continued.n_updates == 4
    assert continued.logger.get_value("mean_entropy", 1) == trainer.logger.get_value("mean_entropy", 1)


def test_a_weight_of_nothing_asks_no_unlabeled_patch(method, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, consistency_weight=0)
    trainer = make_trainer(method)
    trainer.run_training()
    assert not hasattr(trainer, "seen")
    logged = trainer.logger.local_logger.my_fantastic_logging
    assert np.isnan(logged["mean_entropy"]).all()
    assert logged["consistency_losses"] == [0, 0]


def test_an_update_is_told_after_a_step_that_was_taken_alone(method):
    trainer = make_trainer(method)
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    batch = next(trainer.dataloader_train)
    trainer.train_step({**batch, "data": torch.full_like(batch["data"], float("nan"))})
    assert trainer.n_updates == 0
    trainer.train_step(batch)
    assert trainer.n_updates == 1


def test_unlabeled_gradients_are_those_of_the_weighted_loss(method):
    trainer = make_trainer(method)
    trainer.on_train_start()
    batch = next(trainer.dataloader_unlabeled)
    trainer.learn_from_unlabeled(batch, weight=0.25)
    gradients = [p.grad.clone() for p in trainer.network.parameters() if p.grad is not None]
    trainer.optimizer.zero_grad(set_to_none=True)
    probs = trainer.network(batch["data"])[0].softmax(1)
    (-0.25 * (probs * probs.log()).sum(1).mean()).backward()
    expected = [p.grad for p in trainer.network.parameters() if p.grad is not None]
    for own, literal in zip(gradients, expected, strict=True):
        torch.testing.assert_close(own, literal, rtol=1e-3, atol=1e-6)


def test_every_method_says_what_it_needs():
    needs = {
        name: (t.needs_unlabeled, t.needs_teachers, getattr(t, "prompt_generator", None) is not None)
        for name, t in ((name, getattr(trainers, name)) for name in trainers.__all__)
    }
    assert needs["nnUNetTrainerMuDuo"] == (True, True, True)
    assert needs["nnUNetTrainerMeanTeacher"] == (True, False, False)
    assert needs["nnUNetTrainerMuDuo_Supervised"] == (False, False, False)
    assert needs["nnUNetTrainerMuDuoPromptGenerator"] == (False, False, False)
