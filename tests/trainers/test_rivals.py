"""What every method promises, for each: weight 0 is nnU-Net, continuing is exact, nothing of its own leaves with the student."""

import copy
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support import (
    NEEDS_TRANSFORMERS,
    copy_prepared_for,
    make_trainer,
    prepare_tiny,
    set_nnunet_folders,
    started_epoch,
    train_epochs,
    weights_of,
    write_config,
)

METHODS = [
    f"nnUNetTrainer{name}" for name in ("MeanTeacher", "UAMeanTeacher", "CPS", "SASSNet", "SemiSAMPlus", "SelfTraining")
]
CFR = pytest.param("nnUNetTrainerCFR", marks=NEEDS_TRANSFORMERS)
SMALL = {"patch_size": 24, "num_epochs": 4, "generalist_rounds": 2, "sam": "tiny", "sam_iterations": 2}

pytestmark = pytest.mark.parametrize("name", [*METHODS, CFR])


@pytest.fixture(scope="module")
def root_with_generation_0(prepared_root, tmp_path_factory):
    """The tiny data set with what self-training and CFR need."""
    names = ["nnUNetTrainerSelfTraining"]
    if importlib.util.find_spec("transformers"):
        names.append("nnUNetTrainerCFR")
    return copy_prepared_for(names, prepared_root, tmp_path_factory.mktemp("rivals") / "nnunet", **SMALL)


@pytest.fixture
def prepared_dataset(root_with_generation_0, tmp_path, monkeypatch):
    root = shutil.copytree(root_with_generation_0, tmp_path / "nnunet")
    set_nnunet_folders(monkeypatch, root)
    return root


def started(name):
    if name in ("nnUNetTrainerSelfTraining", "nnUNetTrainerCFR"):
        prepare_tiny(name)  # in this process, where it is another config's
    return started_epoch(name)


def assert_equal(state, other):
    """Nested states, to the last bit."""
    assert type(state) is type(other)
    if isinstance(state, dict):
        assert state.keys() == other.keys()
        for key in state:
            assert_equal(state[key], other[key])
    elif isinstance(state, (list, tuple)):
        for one, another in zip(state, other, strict=True):
            assert_equal(one, another)
    elif isinstance(state, torch.Tensor):
        assert torch.equal(state, other)
    else:
        np.testing.assert_equal(state, other)


def test_weight_0_is_nnunets_own_training(name, prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, consistency_weight=0.0, **SMALL)
    trainers, losses = [], []
    for which in (name, "nnUNetTrainerMuDuo_Supervised"):
        trainers.append(started(which))
        losses.append([trainers[-1].train_step(next(trainers[-1].dataloader_train))["loss"] for _ in range(3)])
    np.testing.assert_array_equal(*losses)
    assert_equal(*(weights_of(trainer.network) for trainer in trainers))


def test_unlabeled_patches_move_the_student(name, prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, consistency_weight=10.0, ramp_up_epochs=1e-3, **SMALL)
    trainer = started(name)
    trainer.current_epoch = 1
    outcome = trainer.learn_from_unlabeled(trainer.next_unlabeled(), 1.0)
    assert np.isfinite(outcome["consistency_loss"])
    gradients = [p.grad.abs().sum() for p in trainer.network.parameters() if p.grad is not None]
    assert sum(gradients) > 0
    assert {"consistency_loss", *trainer.logged} == outcome.keys()


def test_continued_training_equals_an_undisturbed_one_bit_for_bit(name, prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, consistency_weight=1.0, ramp_up_epochs=1, **SMALL)
    undisturbed = train_epochs(name, 3)
    train_epochs(name, 2)
    continued = train_epochs(name, 3, continue_training=True)
    assert_equal(weights_of(undisturbed.network), weights_of(continued.network))
    assert_equal(undisturbed.own_state(), continued.own_state())
    assert_equal(undisturbed.optimizer.state_dict(), continued.optimizer.state_dict())
    logged = [t.logger.local_logger.my_fantastic_logging for t in (undisturbed, continued)]
    for key in ("consistency_losses", "ema_fg_dice", *undisturbed.logged):
        np.testing.assert_array_equal(logged[0][key], logged[1][key])
        assert len(logged[0][key]) == 3


@pytest.mark.parametrize("half", ["labeled", "unlabeled"])
def test_a_step_that_is_not_finite_touches_nothing(name, prepared_dataset, tmp_path, monkeypatch, half):
    write_config(monkeypatch, tmp_path, consistency_weight=1.0, ramp_up_epochs=1, **SMALL)
    trainer = started(name)
    trainer.train_step(next(trainer.dataloader_train))
    before = weights_of(trainer.network), copy.deepcopy(trainer.own_state()), optimizer_of(trainer)
    batch, unlabeled = next(trainer.dataloader_train), trainer.next_unlabeled()
    spoilt = batch if half == "labeled" else unlabeled
    spoilt["data"] = torch.full_like(spoilt["data"], float("nan"))
    monkeypatch.setattr(trainer, "next_unlabeled", lambda: unlabeled)
    assert not trainer.train_step(batch)["finite"]
    assert_equal(before, (weights_of(trainer.network), trainer.own_state(), optimizer_of(trainer)))


def optimizer_of(trainer):
    return copy.deepcopy(trainer.optimizer.state_dict())


def test_the_checkpoint_holds_nnunets_network_and_no_more(name, prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, **(SMALL | {"num_epochs": 1}))
    if name == "nnUNetTrainerSelfTraining":
        prepare_tiny(name)
    trainer = make_trainer(name)
    trainer.run_training()
    checkpoint = torch.load(Path(trainer.output_folder, "checkpoint_final.pth"), weights_only=False)
    stock = trainer.build_network_architecture(
        trainer.plans_manager,
        trainer.configuration_manager,
        trainer.num_input_channels,
        trainer.label_manager.num_segmentation_heads,
    )
    stock.load_state_dict(checkpoint["network_weights"], strict=True)
    header = Path(trainer.output_folder, "muduo_progress.csv").read_text().splitlines()[0].split(",")
    assert set(trainer.logged) <= set(header)


def test_a_student_of_pet_alone_trains(name, prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, student_channels="pet", ramp_up_epochs=1, **SMALL)
    trainer = started(name)
    outcome = trainer.train_step(next(trainer.dataloader_train))
    assert np.isfinite([outcome["loss"], outcome["consistency_loss"]]).all()
