import numpy as np
import pytest
import torch
from support import make_trainer, write_config


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("CTTeacherOnly", {"teachers": "ct"}),
        ("PETTeacherOnly", {"teachers": "pet"}),
        ("NoFilter", {"kept_pairs": "all"}),
        ("FixedThreshold", {"kept_pairs": "threshold"}),
        ("SinglePoint", {"n_points": 1}),
        ("paper", {"consistency": "mse", "consistency_weight": 0.1, "ramp_up_epochs": 120, "optimizer": "sgd"}),
    ],
)
def test_ablations_change_their_field_and_train(prepared_dataset, name, changes):
    trainer = make_trainer(f"nnUNetTrainerMuDuo_{name}")
    trainer.initialize()
    assert {field: getattr(trainer.muduo_config, field) for field in changes} == changes
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    outcome = trainer.train_step(next(trainer.dataloader_train))
    assert np.isfinite([outcome["loss"], outcome["consistency_loss"]]).all()
    if name in ("CTTeacherOnly", "PETTeacherOnly", "NoFilter"):
        assert (outcome["n_kept"] == outcome["n_valid"]).all()


def test_short_schedules_train_short_generators():
    from nnunetv2_muduo import trainers

    for suffix, n in [("1epoch", 1), ("5epochs", 5)]:
        student = getattr(trainers, f"nnUNetTrainerMuDuo_{suffix}")
        generator = getattr(trainers, student.prompt_generator)
        assert student.config_overrides["num_epochs"] == generator.config_overrides["num_epochs"] == n


def test_the_paper_trainer_is_the_papers_whatever_the_config_says(prepared_dataset, tmp_path, monkeypatch):
    others = {"pet_prompts": "mask", "pair_score": "product", "valid_by": "either", "average_share": 0.5}
    write_config(monkeypatch, tmp_path, num_epochs=None, num_iterations_per_epoch=None, **others)
    trainer = make_trainer("nnUNetTrainerMuDuo_paper")
    trainer.initialize()
    config = trainer.muduo_config
    assert (config.ct_prompts, config.ct_mask_prompt_source, config.pet_prompts) == ("mask", "student", "points")
    assert (config.pair_score, config.kept_pairs, config.valid_by) == ("agreement", "best_half", "prompt_map")
    assert (config.average_share, config.pseudo_label, config.least_agreement) == (0, "threshold", 0)
    assert trainer.generator_schedule() == [120, 250]
    data = torch.randn(2, 2, 24, 24, 24)
    targets = [torch.randint(0, 3, (2, 1, *output.shape[2:])) for output in trainer.network(data)]
    expected = trainer.loss(trainer.network(data), targets) / 2
    torch.testing.assert_close(trainer.labeled_loss(data, targets), expected)
