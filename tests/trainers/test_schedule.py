"""What users set in `__init__` of their own trainers stands, unless the config says otherwise."""

import json
import math

import pytest
import torch
from nnunetv2.run.run_training import get_trainer_from_args
from stock_command import INIT, add_own_trainers, train_fold
from support import DATASET, log_of, prepare_tiny, write_config

from nnunetv2_muduo.trainers.requirements import Preparation

NUMBERS = "num_epochs", "num_iterations_per_epoch", "num_val_iterations_per_epoch"
CALL = "super().__init__(plans, configuration, fold, dataset_json, device)"


def own_class(name: str, bases: str, sets: str = "", body: str = "pass") -> str:
    init = f"{INIT}:\n        {CALL}\n        {sets}" if sets else ""
    return f"class nnUNetTrainer{name}({bases}):\n    {init}\n    {body}\n\n"


OWN = "".join(
    [
        own_class("Own", "nnUNetTrainerMuDuo", "self.num_epochs, self.num_iterations_per_epoch = 50, 100"),
        own_class("Before", "nnUNetTrainer_50epochs, nnUNetTrainerMuDuo"),
        own_class("After", "nnUNetTrainerMuDuo, nnUNetTrainer_50epochs"),
        own_class("Long", "nnUNetTrainer_2000epochs, nnUNetTrainerMeanTeacher"),
        own_class("Baseline", "nnUNetTrainer_10epochs, nnUNetTrainerMuDuo_Supervised"),
        own_class("Generator", "nnUNetTrainer_20epochs, nnUNetTrainerMuDuoPromptGenerator"),
        own_class("ItsStudent", "nnUNetTrainerMuDuo", body="prompt_generator = 'nnUNetTrainerGenerator'"),
        own_class("LongPaper", "nnUNetTrainerMuDuo_paper", "self.num_epochs = 1000"),
        own_class("ShortPaper", "nnUNetTrainerMuDuo_paper", "self.num_epochs, self.weight_decay = 5, 0.01"),
        own_class("Overridden", "nnUNetTrainerMuDuo_5epochs", "self.num_epochs = 50"),
        own_class("Rate", "nnUNetTrainerMuDuo", "self.initial_lr = 0.001"),
        own_class("Validates", "nnUNetTrainerMuDuo", "self.num_val_iterations_per_epoch = 7"),
        own_class(
            "Late", "nnUNetTrainerMuDuo", body="def initialize(self): self.num_epochs = 30; super().initialize()"
        ),
        own_class("Quick", "nnUNetTrainerMuDuo", "self.num_epochs = self.num_iterations_per_epoch = 1"),
        own_class("QuickGenerator", "nnUNetTrainer_1epoch, nnUNetTrainerMuDuoPromptGenerator"),
        own_class(
            "QuickStudent",
            "nnUNetTrainerMuDuo",
            "self.num_epochs = self.num_iterations_per_epoch = 2",
            "prompt_generator = 'nnUNetTrainerQuickGenerator'",
        ),
    ]
)


@pytest.fixture
def own(prepared_dataset, tmp_path, monkeypatch):
    """The prepared data set, a user's own trainers, and a config that says nothing of epochs. Returns its root folder."""
    add_own_trainers(monkeypatch, tmp_path, OWN)
    configure(monkeypatch, tmp_path)
    return prepared_dataset


def configure(monkeypatch, folder, **values):
    silent = {"num_epochs": None, "num_iterations_per_epoch": None, "ramp_up_epochs": None}
    write_config(monkeypatch, folder, **(silent | values))


def initialized(name):
    trainer = get_trainer_from_args("1", "3d_fullres", 0, name, device=torch.device("cpu"))
    trainer.initialize()
    return trainer


def numbers(trainer):
    return tuple(getattr(trainer, number) for number in NUMBERS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nnUNetTrainerMuDuo", (1000, 250, 50)),
        ("nnUNetTrainerMuDuoPromptGenerator", (1000, 250, 50)),
        ("nnUNetTrainerMuDuo_paper", (120, 250, 50)),
        ("nnUNetTrainerMuDuo_1epoch", (1, 250, 50)),
        ("nnUNetTrainerOwn", (50, 100, 50)),
        ("nnUNetTrainerBefore", (50, 250, 50)),
        ("nnUNetTrainerAfter", (50, 250, 50)),
        ("nnUNetTrainerLong", (2000, 250, 50)),
        ("nnUNetTrainerBaseline", (10, 250, 50)),
        ("nnUNetTrainerGenerator", (20, 250, 50)),
        ("nnUNetTrainerLongPaper", (1000, 250, 50)),
        ("nnUNetTrainerShortPaper", (5, 250, 50)),
        ("nnUNetTrainerValidates", (1000, 250, 7)),
        ("nnUNetTrainerLate", (30, 250, 50)),
    ],
)
def test_what_the_class_sets_stands(own, name, expected):
    trainer = initialized(name)
    assert numbers(trainer) == expected
    assert trainer.lr_scheduler.max_steps == expected[0]
    assert "as the config says" not in log_of(trainer)


def test_the_config_says_otherwise_and_the_log_says_both(own, tmp_path, monkeypatch):
    configure(monkeypatch, tmp_path, num_epochs=7, num_iterations_per_epoch=15)
    trainer = initialized("nnUNetTrainerOwn")
    assert numbers(trainer) == (7, 15, 3)
    assert "num_epochs: 7, as the config says, not 50 as nnUNetTrainerOwn does." in log_of(trainer)
    assert "num_iterations_per_epoch: 15, as the config says, not 100 as nnUNetTrainerOwn does." in log_of(trainer)
    stock = initialized("nnUNetTrainerMuDuo")
    assert numbers(stock) == (7, 15, 3)
    assert "as the config says, not" not in log_of(stock)


def test_config_fields_of_a_class_are_its_config(own):
    trainer = initialized("nnUNetTrainerOverridden")
    assert trainer.num_epochs == 5
    assert "num_epochs: 5, as the config says, not 50" in log_of(trainer)


def test_own_learning_rate_and_weight_decay_stand(own, tmp_path, monkeypatch):
    assert initialized("nnUNetTrainerRate").optimizer.param_groups[0]["lr"] == 0.001
    assert initialized("nnUNetTrainerShortPaper").optimizer.param_groups[0]["weight_decay"] == 0.01
    configure(monkeypatch, tmp_path, optimizer="adamw")
    assert initialized("nnUNetTrainerRate").optimizer.param_groups[0]["lr"] == 0.001
    assert initialized("nnUNetTrainerOwn").optimizer.param_groups[0]["lr"] == 0.003


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("nnUNetTrainerMuDuo", {}, [1000, 250]),
        ("nnUNetTrainerMuDuo", {"num_epochs": 30}, [30, 250]),
        ("nnUNetTrainerMuDuo_paper", {}, [120, 250]),
        ("nnUNetTrainerMuDuo_5epochs", {}, [5, 250]),
        ("nnUNetTrainerOwn", {}, [50, 100]),
        ("nnUNetTrainerOwn", {"prompt_generator_num_epochs": 9}, [9, 100]),
        ("nnUNetTrainerOwn", {"num_epochs": 30, "num_iterations_per_epoch": 10}, [30, 10]),
        ("nnUNetTrainerBefore", {}, [50, 250]),
        ("nnUNetTrainerShortPaper", {}, [5, 250]),
        ("nnUNetTrainerItsStudent", {}, [20, 250]),
        ("nnUNetTrainerItsStudent", {"num_epochs": 30}, [30, 250]),
        ("nnUNetTrainerLate", {}, [30, 250]),
    ],
)
def test_the_generator_follows_its_student(own, tmp_path, monkeypatch, name, config, expected):
    configure(monkeypatch, tmp_path, **config)
    before = sorted(own.rglob("*"))
    trainer = initialized(name)
    assert Preparation(trainer, trainer.prompt_generator).identity["schedule"][:2] == expected
    assert {path.parent.parent.name.split("__")[0] for path in set(own.rglob("*")) - set(before) if path.is_file()} <= {
        name
    }


@pytest.mark.parametrize(
    ("name", "generator", "starts"),
    [
        ("nnUNetTrainerQuick", "nnUNetTrainerMuDuoPromptGenerator", "epochs 0 to 0 of 1 iterations"),
        ("nnUNetTrainerQuickStudent", "nnUNetTrainerQuickGenerator", "epochs 0 to 0 of 2 iterations"),
    ],
)
def test_preparation_and_training_of_own_trainers_agree(own, name, generator, starts):
    prepare_tiny(name)
    results = own / "res" / DATASET
    logs = results.glob(f"{generator}-*__nnUNetPlans__3d_fullres/fold_0/training_log*")
    log = max(logs, key=lambda file: file.stat().st_mtime)  # of this schedule; another's may be there too
    assert f"Training of the prompt generator ({generator}, fold 0) starts: {starts}" in log.read_text()
    assert not (results / f"{name}__nnUNetPlans__3d_fullres").exists()
    train_fold(0, name)
    (log,) = (results / f"{name}__nnUNetPlans__3d_fullres" / "fold_0").glob("training_log*")
    assert "is there and belongs to this training" in log.read_text()


@pytest.mark.parametrize(
    ("name", "config", "n_epochs"),
    [
        ("nnUNetTrainerMuDuo", {}, 200),
        ("nnUNetTrainerMuDuo", {"num_epochs": 50}, 10),
        ("nnUNetTrainerMuDuo_5epochs", {}, 1),
        ("nnUNetTrainerOwn", {}, 10),
        ("nnUNetTrainerMeanTeacher", {"num_epochs": 100}, 20),
        ("nnUNetTrainerMuDuo_paper", {}, 120),
        ("nnUNetTrainerMuDuo", {"ramp_up_epochs": 30, "num_epochs": 10}, 30),
    ],
)
def test_the_weight_rises_over_a_fifth_of_the_training_or_as_the_config_says(
    own, tmp_path, monkeypatch, name, config, n_epochs
):
    configure(monkeypatch, tmp_path, **config)
    trainer = initialized(name)
    final = trainer.muduo_config.consistency_weight
    for epoch, share in [(0, math.exp(-5)), (n_epochs / 2, math.exp(-1.25)), (n_epochs, 1), (2 * n_epochs, 1)]:
        trainer.current_epoch = epoch
        assert trainer.consistency_weight() == pytest.approx(final * share)


def test_a_ramp_up_longer_than_the_training_is_said(own, tmp_path, monkeypatch):
    configure(monkeypatch, tmp_path, num_epochs=50, num_iterations_per_epoch=2, ramp_up_epochs=200)
    trainer = initialized("nnUNetTrainerMuDuo")
    trainer._log_ramp_up()
    assert "rises to 0.3 over the first 200 of 50 epochs; it ends at 5.8% of that." in log_of(trainer)


def continued(trainer_name, n_epochs, stored, tmp_path, monkeypatch, **config):
    """A trainer that goes on from a checkpoint whose config has `stored` in it."""
    configure(monkeypatch, tmp_path, num_epochs=n_epochs, **config)
    first = initialized(trainer_name)
    first.save_checkpoint(f"{first.output_folder}/checkpoint_latest.pth")
    content = torch.load(f"{first.output_folder}/checkpoint_latest.pth", weights_only=False)
    content["init_args"]["muduo"]["config"] |= stored
    del content["init_args"]["muduo"]["former_defaults"]  # which earlier versions did not write
    torch.save(content, f"{first.output_folder}/checkpoint_latest.pth")
    trainer = get_trainer_from_args(
        "1", "3d_fullres", 0, trainer_name, continue_training=True, device=torch.device("cpu")
    )
    trainer.load_checkpoint(f"{first.output_folder}/checkpoint_latest.pth")
    return trainer


@pytest.mark.parametrize("name", ["nnUNetTrainerMuDuo", "nnUNetTrainerMeanTeacher", "nnUNetTrainerMuDuo_Supervised"])
@pytest.mark.parametrize("n_epochs", [None, 50])
def test_trainings_of_earlier_versions_go_on_with_the_ramp_up_that_they_began(
    own, tmp_path, monkeypatch, name, n_epochs
):
    trainer = continued(name, n_epochs, {"ramp_up_epochs": 200}, tmp_path, monkeypatch)
    if name != "nnUNetTrainerMuDuo_Supervised":
        assert trainer.ramp_up_epochs == 200
    assert json.loads(json.dumps(trainer.muduo_state()["config"]))["ramp_up_epochs"] == 200  # for the next time too


def test_another_ramp_up_is_another_training(own, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"ramp_up_epochs: 100 -> None"):
        continued("nnUNetTrainerMuDuo", None, {"ramp_up_epochs": 100}, tmp_path, monkeypatch)
    with pytest.raises(ValueError, match=r"ramp_up_epochs: 200 -> 100"):
        continued("nnUNetTrainerMuDuo", None, {"ramp_up_epochs": 200}, tmp_path, monkeypatch, ramp_up_epochs=100)
