import json
from pathlib import Path

import pytest
from stock_command import train_fold
from support import make_trainer, write_config

SUPERVISED = "nnUNetTrainerMuDuo_Supervised"


def logs(fold) -> str:
    """What all trainings of a fold have logged."""
    folder = Path(make_trainer(SUPERVISED, fold=fold).output_folder)
    return "".join(file.read_text() for file in folder.glob("training_log_*.txt"))


def test_folds_on_another_patch_are_refused(prepared_dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "res"))
    other = make_trainer(SUPERVISED, fold=1)
    other.initialize()
    other.save_checkpoint(f"{other.output_folder}/checkpoint_final.pth")
    trainer = make_trainer(SUPERVISED)
    trainer.initialize()
    trainer.before_training()
    plans = json.loads(json.dumps(trainer.plans_manager.plans))
    plans["configurations"]["3d_fullres"]["patch_size"] = [64, 64, 64]
    (Path(trainer.output_folder_base) / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(ValueError, match=r"fold_1 was trained on patches of \[64, 64, 64\]"):
        trainer.before_training()


def test_a_fold_with_another_config_is_told_of_it(prepared_dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "res"))
    once = {"num_epochs": 1, "num_iterations_per_epoch": 1}
    write_config(monkeypatch, tmp_path, **once)
    train_fold(0, SUPERVISED)
    train_fold("all", SUPERVISED)
    assert "another config" not in logs("all")
    write_config(monkeypatch, tmp_path, **once, consistency_weight=0.2)
    train_fold(1, SUPERVISED)
    assert "WARNING: fold_0 was trained with another config" in logs(1)
    assert "there -> here: consistency_weight: 0.3 -> 0.2" in logs(1)
