"""UA-MT's teacher: passes, dropout, and which voxels count."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from support import make_trainer, write_config

from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches

SHAPE = (2, 3, 8, 8, 8)


@pytest.fixture
def trainer(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, patch_size=24, num_epochs=10, uncertainty_passes=4)
    trainer = make_trainer("nnUNetTrainerUAMeanTeacher")
    trainer.initialize()
    return trainer


def patches(shape=SHAPE):
    return UnlabeledPatches(torch.randn(shape[0], 2, *shape[2:]), {}, None)


def test_the_loss_counts_voxels_whose_mean_pass_has_a_low_entropy(trainer, monkeypatch):
    torch.manual_seed(1)
    answers = (3 * torch.randn(5, *SHAPE)).softmax(2)
    asked = iter(answers)
    monkeypatch.setattr(trainer, "teacher_probs", lambda view: next(asked))
    trainer.current_epoch = 3
    logits = torch.randn(SHAPE, requires_grad=True)
    loss, measures = trainer.unlabeled_loss(logits, patches())
    target, mean = answers[0].double(), answers[1:].double().mean(0)
    entropy = -(mean * mean.log()).sum(1)
    ramp = math.exp(-5 * (1 - 3 / 10) ** 2)
    certain = entropy < (0.75 + 0.25 * ramp) * math.log(3)
    assert 0.05 < certain.double().mean() < 0.95
    squares = (logits.detach().double().softmax(1) - target).square().sum(1)
    assert float(loss) == pytest.approx(float(squares[certain].sum() / (3 * certain.sum())), rel=1e-5)
    assert float(measures["certain_voxels"]) == pytest.approx(float(certain.double().mean()), abs=1e-6)
    loss.backward()
    uncertain = ~certain[:, None].expand(SHAPE)
    assert logits.grad[uncertain].abs().max() == 0
    assert logits.grad[~uncertain].abs().min() > 0


def test_where_nothing_is_certain_nothing_is_taught(trainer, monkeypatch):
    monkeypatch.setattr(trainer, "teacher_probs", lambda view: torch.full(SHAPE, 1 / 3))
    logits = torch.randn(SHAPE, requires_grad=True)
    loss, measures = trainer.unlabeled_loss(logits, patches())
    assert float(loss) == float(measures["certain_voxels"]) == 0
    loss.backward()
    assert logits.grad.abs().max() == 0


@pytest.mark.parametrize("what", ["noise", "dropout", "nothing"])
def test_passes_differ_by_noise_and_by_dropped_channels(trainer, monkeypatch, what):
    view = torch.randn(1, 2, 24, 24, 24)
    if what != "noise":
        monkeypatch.setattr(trainer, "_noise", torch.zeros_like)
    if what != "dropout":
        trainer.muduo_config = dataclasses.replace(trainer.muduo_config, teacher_dropout=0.0)
    answers = torch.stack([trainer.teacher_probs(view) for _ in range(2)])
    assert ((answers[0] - answers[1]).abs().max() > 1e-4) == (what != "nothing")
    assert not answers.requires_grad


@pytest.mark.parametrize(("method", "part"), [("UAMeanTeacher", "encoder.stages"), ("SASSNet", "decoder.seg_layers")])
def test_plans_with_a_network_of_another_build_are_refused(prepared_dataset, tmp_path, monkeypatch, method, part):
    write_config(monkeypatch, tmp_path, patch_size=24)
    trainer = make_trainer(f"nnUNetTrainer{method}")

    def flat(plans_manager, *args, **kwargs):
        return torch.nn.Sequential(torch.nn.Conv3d(2, 3, 1))

    monkeypatch.setattr(type(trainer), "build_network_architecture", staticmethod(flat))
    with pytest.raises(
        NotImplementedError, match=f"{method} needs a network with {part}, .* the plan's Sequential has none"
    ):
        trainer.initialize()


def test_dropout_drops_whole_channels_and_keeps_the_mean(trainer):
    features = torch.ones(400, 32, 2, 2, 2)
    dropped = trainer._drop_channels(None, (), features)
    per_channel = dropped.flatten(2)
    assert set(per_channel.unique().tolist()) == {0.0, float(torch.tensor(1) / torch.tensor(0.7))}
    assert (per_channel == per_channel[..., :1]).all()
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)
    assert (per_channel[..., 0] == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_a_network_with_dropout_of_its_own_gets_no_other(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, patch_size=24)
    trainer = make_trainer("nnUNetTrainerUAMeanTeacher")
    architecture = trainer.plans_manager.plans["configurations"]["3d_fullres"]["architecture"]
    architecture["arch_kwargs"] |= {"dropout_op": "torch.nn.Dropout3d", "dropout_op_kwargs": {"p": 0.2}}
    trainer.initialize()
    assert not any(module._forward_hooks for module in trainer.mean_teacher.module.modules())
    assert any(isinstance(module, torch.nn.Dropout3d) for module in trainer.mean_teacher.module.modules())


def test_the_student_stays_without_dropout(trainer):
    assert not any(module._forward_hooks for module in trainer.network.modules())
    view = torch.randn(1, 2, 24, 24, 24)
    with torch.no_grad():
        np.testing.assert_array_equal(trainer.network(view)[0].numpy(), trainer.network(view)[0].numpy())


@pytest.mark.parametrize("value", [1, -0.1, 1.5])
def test_a_dropout_of_everything_is_refused(prepared_dataset, tmp_path, monkeypatch, value):
    write_config(monkeypatch, tmp_path, teacher_dropout=value)
    with pytest.raises(ValueError, match="teacher_dropout"):
        make_trainer("nnUNetTrainerUAMeanTeacher").initialize()
