import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from support import DATASET, log_of, make_trainer, prepare_tiny, seed_everything, train_epochs, write_config

from nnunetv2_muduo.checkpoints import STATE_KEY
from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.trainers.plans import fit_plans


def labeled_losses(trainer, n_steps: int = 3) -> list[float]:
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    return [float(trainer.train_step(next(trainer.dataloader_train))["loss"]) for _ in range(n_steps)]


def stock_trainer_on_the_same_patch() -> nnUNetTrainer:
    trainer = make_trainer("nnUNetTrainer")
    trainer.plans_manager = type(trainer.plans_manager)(fit_plans(trainer.plans_manager.plans, "3d_fullres", (24,) * 3))
    trainer.configuration_manager = trainer.plans_manager.get_configuration("3d_fullres")
    return trainer


def test_supervised_training_is_untouched(prepared_dataset, tmp_path, monkeypatch):
    seed_everything()
    expected = labeled_losses(stock_trainer_on_the_same_patch())
    write_config(monkeypatch, tmp_path, consistency_weight=0)
    seed_everything()
    assert labeled_losses(make_trainer()) == expected
    write_config(monkeypatch, tmp_path, consistency_weight=0.1)
    seed_everything()
    assert labeled_losses(make_trainer())[0] == expected[0]  # later ones differ, since the student has learned more


def consistency_losses(n_steps: int = 2) -> list[float]:
    seed_everything()
    trainer = make_trainer()
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    trainer.current_epoch = 1  # past the ramp-up
    return [float(trainer.train_step(next(trainer.dataloader_train))["consistency_loss"]) for _ in range(n_steps)]


def test_the_pseudo_label_never_sees_a_label(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, least_agreement=0.0)  # of untrained networks' prompts there is little
    raw = prepared_dataset / "raw" / DATASET
    expected = consistency_losses()
    assert min(expected) > 0
    (raw / "labelsUn").mkdir()
    for case in range(4):
        shutil.copy(raw / "labelsTr" / "labeled_0.nii.gz", raw / "labelsUn" / f"unlabeled_{case}.nii.gz")
        shutil.copy(raw / "labelsTr" / "labeled_1.nii.gz", raw / "imagesUn" / f"unlabeled_{case}.nii.gz.label")
    assert consistency_losses() == expected
    shutil.rmtree(raw / "labelsUn")
    assert consistency_losses() == expected


def test_each_teacher_encodes_each_patch_once(prepared_dataset, monkeypatch):
    encoded = []
    encode = Sam3DTeacher.encode
    monkeypatch.setattr(
        Sam3DTeacher, "encode", lambda self, image: encoded.append((id(self), len(image))) or encode(self, image)
    )
    trainer = make_trainer()
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    trainer.train_step(next(trainer.dataloader_train))
    assert sorted(encoded) == sorted((id(teacher), 2) for teacher in trainer.ensemble.teachers.values())
    assert len(encoded) == 2


def test_the_student_learns_from_the_consistency_loss(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, least_agreement=0.0)
    trainer = make_trainer()
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    outcome = trainer.learn_from_unlabeled(next(trainer.dataloader_unlabeled), weight=0.1)
    gradients = [p.grad.abs().max() for p in trainer.network.parameters() if p.grad is not None]
    assert max(gradients) > 0
    assert outcome["n_valid"].sum() >= outcome["n_kept"].sum() >= 1
    assert outcome["agreement"].shape == (2,)


def test_teachers_stay_out_of_the_network_and_the_checkpoint(prepared_dataset):
    trainer = make_trainer()
    trainer.run_training()
    checkpoint = torch.load(f"{trainer.output_folder}/checkpoint_final.pth", weights_only=False)
    stock = stock_trainer_on_the_same_patch()
    stock.initialize()
    assert checkpoint["network_weights"].keys() == stock.network.state_dict().keys()
    assert not any(p.requires_grad for teacher in trainer.ensemble.teachers.values() for p in teacher.parameters())


def test_logs_of_every_epoch_survive_continuing(prepared_dataset, tmp_path, monkeypatch):
    trainer = make_trainer()
    trainer.run_training()
    logged = trainer.logger.local_logger.my_fantastic_logging
    assert {len(values) for values in logged.values()} == {2}
    assert logged["ramp_up_weights"] == pytest.approx(MuDuoConfig().consistency_weight * np.array([np.exp(-5), 1.0]))
    assert len(logged["agreement_per_organ"][0]) == 2
    assert logged["n_kept_pairs"][0] <= logged["n_valid_pairs"][0]
    continued = make_trainer(continue_training=True)
    continued.load_checkpoint(f"{trainer.output_folder}/checkpoint_final.pth")
    restored = continued.logger.local_logger.my_fantastic_logging
    assert {key: restored[key] for key in ("consistency_losses", "n_kept_pairs")} == {
        key: logged[key] for key in ("consistency_losses", "n_kept_pairs")
    }
    assert continued.current_epoch == 2
    write_config(monkeypatch, tmp_path, n_points=1)
    other = make_trainer(continue_training=True)
    with pytest.raises(ValueError, match="n_points: 3 -> 1"):
        other.load_checkpoint(f"{trainer.output_folder}/checkpoint_final.pth")


@pytest.mark.parametrize(("least", "is_said"), [(0.0, False), (0.99, True)])
def test_an_epoch_in_which_nothing_is_taught_is_said(least, is_said, prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, least_agreement=least)
    trainer = train_epochs("nnUNetTrainerMuDuo", 1)
    assert trainer.logger.local_logger.my_fantastic_logging["n_valid_pairs"][0] > 0
    assert (
        f"taught nothing in this epoch: the teachers agreed on no organ (least_agreement {least}" in log_of(trainer)
    ) == is_said


FORMER = {"ct_prompts": "mask", "pet_prompts": "points", "average_share": 0.0, "least_agreement": 0.0}


@pytest.fixture
def of_0_1(prepared_dataset, tmp_path, monkeypatch):
    """Checkpoint of a training as 0.1 left it; an empty config."""
    write_config(monkeypatch, tmp_path, **FORMER)
    path = Path(train_epochs("nnUNetTrainerMuDuo", 1).output_folder) / "checkpoint_latest.pth"
    checkpoint = torch.load(path, weights_only=False)
    state = checkpoint["init_args"][STATE_KEY]
    for field in FORMER:  # which 0.1 did not have
        del state["config"][field]
    state["config"]["teacher_spacing"] = "patch"
    del state["former_defaults"]
    torch.save(checkpoint, path)
    write_config(monkeypatch, tmp_path)
    return path


def test_a_training_of_0_1_goes_on_as_it_began(of_0_1):
    continued = train_epochs("nnUNetTrainerMuDuo", 2, continue_training=True)
    assert {name: getattr(continued.muduo_config, name) for name in FORMER} == FORMER
    assert "began with version 0.1 and goes on with its defaults" in log_of(continued)
    again = train_epochs("nnUNetTrainerMuDuo", 3, continue_training=True)
    assert again.muduo_config == continued.muduo_config


def test_the_papers_values_of_today_are_a_choice(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, **FORMER)
    train_epochs("nnUNetTrainerMuDuo", 1)
    write_config(monkeypatch, tmp_path)
    with pytest.raises(ValueError, match=r"average_share: 0\.0 -> 0\.5"):
        train_epochs("nnUNetTrainerMuDuo", 2, continue_training=True)


def test_a_training_of_0_1_goes_on_with_no_choice_of_today(of_0_1, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, ct_prompts="points")
    with pytest.raises(ValueError, match="ct_prompts: 'mask' -> 'points'"):
        train_epochs("nnUNetTrainerMuDuo", 2, continue_training=True)


def test_a_training_without_an_average_is_validated_under_a_config_with_one(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, average_share=0.0)
    path = Path(train_epochs("nnUNetTrainerMuDuo", 1).output_folder) / "checkpoint_latest.pth"
    write_config(monkeypatch, tmp_path, average_share=0.5)
    trainer = make_trainer()
    trainer.load_checkpoint(str(path))
    assert "mean_teacher" not in torch.load(path, weights_only=False)["init_args"][STATE_KEY]


def test_prompt_maps_from_other_labels_are_refused(prepared_dataset, monkeypatch):
    trainer = make_trainer()
    trainer.initialize()
    trainer._split = (trainer.do_split()[0][:-1], trainer.do_split()[1])
    monkeypatch.setattr("nnunetv2_muduo.trainers.prepare.prepare_on_first_rank", lambda trainer: None)
    with pytest.raises(ValueError, match=r"prompt maps in .* can't be used: it was trained on other labeled cases"):
        trainer.on_train_start()


def test_the_paper_trainer_has_its_optimizer(tiny_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, num_epochs=None, num_iterations_per_epoch=None)
    trainer = make_trainer("nnUNetTrainerMuDuo_paper")
    trainer.initialize()
    group = trainer.optimizer.param_groups[0]
    assert {k: group[k] for k in ("lr", "momentum", "weight_decay", "nesterov")} == {
        "lr": 0.01,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "nesterov": False,
    }
    assert trainer.num_epochs * trainer.num_iterations_per_epoch == 30_000
    trainer.lr_scheduler.step(60)
    assert group["lr"] == pytest.approx(0.01 * 0.5**0.9)


def test_fold_all_trains_on_every_labeled_case(prepared_dataset):
    prepare_tiny(fold="all")
    trainer = make_trainer(fold="all")
    trainer.on_train_start()
    assert len(trainer.do_split()[0]) == 5


def test_the_kept_share_counts_the_pairs_of_the_epoch(tiny_dataset):
    trainer = make_trainer()
    trainer.initialize()
    step = {
        "loss": np.float32(1),
        "finite": True,
        "consistency_loss": np.float32(1),
        "agreement": np.array([0.5, np.nan]),
    }
    counts = [([2, 0], [1, 0]), ([1, 0], [1, 0])]
    none = np.array([0, 0])
    outputs = [
        {**step, "n_valid": np.array(valid), "n_kept": np.array(kept), "n_not_finite": none} for valid, kept in counts
    ]
    trainer.on_train_epoch_end(outputs)
    ((liver, spleen),) = trainer.logger.get_value("kept_share_per_organ", None)
    assert liver == pytest.approx(2 / 3)
    assert np.isnan(spleen)
    assert trainer.logger.get_value("n_valid_pairs", 0) == 3
    assert trainer.logger.get_value("n_kept_pairs", 0) == 2
