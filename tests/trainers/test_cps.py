"""Two networks: who learns from whom, who stands in the student's place, what survives."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from support import log_of, make_trainer, weights_of, write_config

from nnunetv2_muduo.trainers.pseudo_dice import following_average, mean_pseudo_dice
from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches


@pytest.fixture
def trainer(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, patch_size=24, num_epochs=3, ramp_up_epochs=1)
    trainer = make_trainer("nnUNetTrainerCPS")
    trainer.initialize()
    return trainer


def test_the_two_start_with_different_weights_of_one_kind(trainer):
    pairs = list(zip(trainer.network.parameters(), trainer.peer["network"].parameters(), strict=True))
    kernels = [(own, peer) for own, peer in pairs if own.ndim == 5]
    for own, peer in kernels:
        assert not torch.equal(own, peer)
        assert own.std().item() == pytest.approx(peer.std().item(), rel=0.5)


def test_each_learns_from_the_others_hard_labels_and_gradients_stop_there(trainer):
    view = torch.randn(2, 2, 24, 24, 24)
    logits = trainer.network(view)[0]
    loss, measures = trainer.unlabeled_loss(logits, UnlabeledPatches(view, {}, None))
    loss.backward()
    own, peer = ([None if p.grad is None else p.grad.clone() for p in n.parameters()] for n in trainer.networks())
    for parameter in (p for n in trainer.networks() for p in n.parameters()):
        parameter.grad = None
    logits, peer_logits = (n(view)[0] for n in trainer.networks())
    with torch.no_grad():
        labels, peer_labels = logits.max(1).indices, peer_logits.max(1).indices
    by_hand = [
        -torch.take_along_dim(x.log_softmax(1), y[:, None], 1).mean()
        for x, y in ((logits, peer_labels), (peer_logits, labels))
    ]
    assert float(loss) == pytest.approx(float(sum(by_hand)), rel=1e-5)
    assert float(measures["disagreement"]) == pytest.approx(float((labels != peer_labels).float().mean()))
    for network, term, gradients in zip(trainer.networks(), by_hand, (own, peer), strict=True):
        literal = torch.autograd.grad(term, list(network.parameters()), allow_unused=True)  # of its own term alone
        for one, other in zip(gradients, literal, strict=True):
            if other is not None:
                torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_both_learn_from_labels_with_optimizers_of_their_own(trainer):
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    before = [weights_of(network) for network in trainer.networks()]
    trainer.train_step(next(trainer.dataloader_train))
    for network, weights in zip(trainer.networks(), before, strict=True):
        assert any(not torch.equal(weights[name], w) for name, w in network.state_dict().items())
    own, peer = trainer.optimizers()
    assert own is not peer
    assert {id(p) for group in peer.param_groups for p in group["params"]} == {
        id(p) for p in trainer.peer["network"].parameters()
    }
    trainer.current_epoch = 2
    trainer.on_train_epoch_start()
    assert own.param_groups[0]["lr"] == peer.param_groups[0]["lr"] < trainer.initial_lr


def outputs(dice):
    """One validation batch with this Dice of both organs."""
    tp = np.full(2, 1000 * dice)
    return {"loss": np.float32(1), "tp_hard": tp, "fp_hard": 1000 - tp, "fn_hard": 1000 - tp}


def validated(trainer, own, peer):
    of_peer = {f"peer_{key}": value for key, value in outputs(peer).items()}
    trainer.on_validation_epoch_end([outputs(own) | of_peer])


def test_the_better_one_takes_the_students_place_and_keeps_its_own(trainer):
    trainer.on_train_start()
    first, second = trainer.networks()
    trainer.current_epoch = 0
    validated(trainer, own=0.6, peer=0.5)
    assert (trainer.network, trainer.network_number) == (first, 1)
    validated(trainer, own=0.1, peer=0.9)  # averages 0.55 and 0.54
    assert trainer.network_number == 1
    validated(trainer, own=0.1, peer=0.9)
    assert (trainer.network, trainer.network_number) == (second, 2)
    assert trainer.networks() == [second, first]
    assert [o.param_groups[0]["params"][0] for o in trainer.optimizers()] == [
        next(n.parameters()) for n in (second, first)
    ]
    assert trainer.logger.get_value("mean_fg_dice", step=-1) == pytest.approx(0.9)  # what is logged is the better one's
    assert "Network 2 is the better one on validation patches from now on" in Path(trainer.log_file).read_text()
    state = trainer.own_state()
    assert state["student"]["network_number"] == 2
    assert state["student"]["dice_average"] == pytest.approx(0.9 * (0.9 * 0.5 + 0.09) + 0.09)


def test_pseudo_dice_is_nnunets_own(prepared_dataset):
    rng = np.random.default_rng(0)
    counts = [
        {key: rng.integers(0, 50, 2).astype(float) for key in ("tp_hard", "fp_hard", "fn_hard")} for _ in range(3)
    ]
    trainer = make_trainer("nnUNetTrainer")
    trainer.on_validation_epoch_end([c | {"loss": np.float32(0)} for c in counts])
    assert mean_pseudo_dice(counts) == pytest.approx(trainer.logger.get_value("mean_fg_dice", step=-1))
    nowhere = [{key: np.array([5.0, 0]) for key in ("tp_hard", "fp_hard", "fn_hard")}]
    assert mean_pseudo_dice(nowhere) == 0.5


def test_a_value_of_nothing_changes_no_average():
    assert following_average(math.nan, 0.4) == 0.4
    assert following_average(0.4, math.nan) == 0.4
    assert following_average(0.4, 0.8) == pytest.approx(0.44)


def test_both_are_validated_on_the_same_labels_where_some_are_to_be_ignored(trainer, monkeypatch):
    seen = []

    def step(self, batch):
        seen.append(batch["target"][0].clone())
        batch["target"][0][batch["target"][0] == 3] = 0  # as nnU-Net does
        return outputs(0.5)

    monkeypatch.setattr("nnunetv2_muduo.trainers.semi_supervised.SemiSupervisedTrainer.validation_step", step)
    trainer.validation_step({"data": torch.zeros(1), "target": [torch.tensor([1, 3, 0])]})
    assert [target.tolist() for target in seen] == [[1, 3, 0]] * 2


def test_a_step_fails_with_either_network(trainer):
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    with torch.no_grad():
        next(trainer.peer["network"].parameters()).fill_(float("nan"))
    batch = next(trainer.dataloader_train)
    assert not np.isfinite(trainer.learn_from_labels(batch))


def test_with_fold_all_the_log_says_by_which_patches_it_chooses(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, patch_size=24)
    said = {}
    for fold in (0, "all"):
        trainer = make_trainer("nnUNetTrainerCPS", fold=fold)
        trainer.on_train_start()
        said[fold] = "Fold all has no validation cases of its own" in log_of(trainer)
    assert said == {0: False, "all": True}


def test_the_room_that_a_checkpoint_needs_has_both_networks(trainer, tmp_path):
    trainer.save_checkpoint(str(tmp_path / "checkpoint.pth"))
    of_both = sum(weights.nbytes for network in trainer.networks() for weights in network.parameters())
    assert of_both <= trainer._n_checkpoint_bytes() <= (tmp_path / "checkpoint.pth").stat().st_size
