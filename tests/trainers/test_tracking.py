"""Runs of Weights & Biases: none without training, curves with names of organs."""

from types import SimpleNamespace

import pytest
from nnunetv2.training.logging import nnunet_logger
from support import make_trainer, prepare_tiny, write_config


@pytest.fixture
def runs(monkeypatch):
    """Runs that were started, each with what was logged; in place of the W&B package."""
    started = []

    class Run:
        step = 0

        def __init__(self, folder):
            self.folder, self.config, self.summary, self.keys = folder, {}, {}, set()
            started.append(self)

        def log(self, values, step):
            self.keys |= set(values)

    fake = SimpleNamespace(init=lambda **arguments: Run(arguments["dir"]))
    monkeypatch.setattr(nnunet_logger, "wandb", fake)
    monkeypatch.setenv("nnUNet_wandb_enabled", "1")
    return started


@pytest.mark.parametrize("trainer", ["nnUNetTrainerMuDuo", "nnUNetTrainerMeanTeacher"])
def test_a_preparation_that_has_nothing_to_do_starts_no_run(prepared_dataset, runs, trainer):
    prepare_tiny(trainer)
    assert runs == []


def test_a_generator_that_is_trained_has_one_run_with_names_of_organs(prepared_dataset, tmp_path, monkeypatch, runs):
    write_config(monkeypatch, tmp_path, prompt_generator_num_epochs=1)
    prepare_tiny()
    (run,) = runs
    assert "nnUNetTrainerMuDuoPromptGenerator-" in run.folder
    assert {"dice_per_class_or_region/liver", "dice_per_class_or_region/spleen", "train_losses"} <= run.keys
    assert not any("class_1" in key for key in run.keys)
    assert {"plans", "configuration", "fold", "dataset", "muduo", "JobID"} <= run.config.keys()


def test_a_students_curves_and_final_figures_name_organs(prepared_dataset, runs):
    trainer = make_trainer()
    trainer.logger.local_logger.my_fantastic_logging["agreement_per_organ"] = []
    trainer.logger.log("agreement_per_organ", [0.5, 0.25], 0)
    trainer.logger.log_summary("final_val/class_2_dice", 0.5)
    (run,) = runs
    assert {"agreement_per_organ/liver", "agreement_per_organ/spleen"} <= run.keys
    assert run.summary["final_val/spleen_dice"] == 0.5
