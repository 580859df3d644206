import numpy as np
import pytest
from support import make_trainer


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
