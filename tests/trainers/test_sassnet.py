"""SASSNet's shape head and discriminator: who learns what, and from whom."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support import make_trainer, write_config
from torch import nn

from nnunetv2_muduo.data.signed_distances import signed_distances
from nnunetv2_muduo.trainers.discriminator import Discriminator, classes, equal_say


@pytest.fixture
def trainer(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, patch_size=24, num_epochs=3, ramp_up_epochs=1, consistency_weight=1.0)
    trainer = make_trainer("nnUNetTrainerSASSNet")
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    return trainer


def gradient_norm(module):
    return sum(float(p.grad.abs().sum()) for p in module.parameters() if p.grad is not None)


def test_labels_teach_the_signed_distances_of_their_organs(trainer):
    batch = next(trainer.dataloader_train)
    target, maps = batch["target"][0], batch["target"][-1]
    for patch, of_organs in zip(target, maps, strict=True):
        np.testing.assert_array_equal(of_organs, signed_distances(patch[0].numpy(), [1, 2]))
    loss = trainer.learn_from_labels(batch)
    assert gradient_norm(trainer.shape_head) > 0
    with torch.no_grad():
        own = trainer.loss(trainer.network(batch["data"]), batch["target"][:-1])
    head = torch.tanh(trainer.shape_head(features_of(trainer, batch["data"])))
    expected = float(own) + 0.3 * float(((head - maps) ** 2).mean())
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def features_of(trainer, data):
    """The last decoder stage's output, by another way than the trainer's."""
    caught = []
    hook = trainer.network.decoder.stages[-1].register_forward_hook(lambda _m, _i, output: caught.append(output))
    with torch.no_grad():
        trainer.network(data)
    hook.remove()
    return caught[0]


def test_unlabeled_maps_should_pass_for_labeled_and_the_judge_learns_nothing_by_it(trainer):
    batch = trainer.next_unlabeled()
    view = batch["data"][:, :2]
    outcome = trainer.learn_from_unlabeled(batch, 1.0)
    assert gradient_norm(trainer.network) > 0
    assert gradient_norm(trainer.shape_head) > 0
    assert gradient_norm(trainer.discriminator) == 0
    maps = torch.tanh(trainer.shape_head(features_of(trainer, view)))
    logits = trainer.discriminator(maps, view)  # without dropout still
    assert float(outcome["consistency_loss"]) == pytest.approx(float(-logits.log_softmax(1)[:, 1].mean()), rel=1e-4)


def test_the_judge_learns_to_tell_them_apart_and_the_student_nothing_by_it(trainer):
    trainer.learn_from_labels(next(trainer.dataloader_train))
    trainer.learn_from_unlabeled(trainer.next_unlabeled(), 1.0)
    (labeled, images), (unlabeled, other_images) = trainer.seen_labeled, trainer.seen_unlabeled
    trainer.forget_gradients()
    trainer.discriminator.apply(lambda part: setattr(part, "p", 0.0) if isinstance(part, nn.Dropout3d) else None)
    seen, truth = (torch.cat([labeled, unlabeled]), torch.cat([images, other_images])), [1, 0, 0]
    assert len(labeled) == 1, "of two labeled patches nnU-Net draws the second around an organ"

    def error():
        with torch.no_grad():
            right = trainer.discriminator(*seen).log_softmax(1)[range(len(truth)), truth]
            return float(-(right[:1].mean() + right[1:].mean()) / 2)  # labeled and unlabeled ones count the same

    errors = [error()]
    for _ in range(3):
        trainer.seen_labeled, trainer.seen_unlabeled = (labeled, images), (unlabeled, other_images)
        trainer.on_student_updated()
        errors.append(error())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0]
    assert gradient_norm(trainer.network) == gradient_norm(trainer.shape_head) == 0
    assert classes(2, 2, torch.device("cpu")).tolist() == [1, 1, 0, 0]


def test_the_judge_sees_labeled_patches_that_lie_anywhere_as_unlabeled_ones_do(trainer, monkeypatch):
    batch = next(trainer.dataloader_train)
    trainer.learn_from_labels(batch)
    assert torch.equal(trainer.seen_labeled[1], batch["data"][:1])
    assert [trainer.n_drawn_at_random(n) for n in (1, 2, 3, 4, 8)] == [1, 1, 2, 3, 5]
    monkeypatch.setattr(trainer, "oversample_foreground_percent", 1.0)
    assert trainer.n_drawn_at_random(2) == 2  # none lies anywhere


def test_in_the_judges_error_both_kinds_count_the_same():
    logits, truth = torch.randn(5, 2), torch.tensor([1, 0, 0, 0, 0])
    loss = (equal_say(truth, [4, 1]) * F.cross_entropy(logits, truth, reduction="none")).sum()
    right = logits.log_softmax(1)[range(5), truth]
    assert float(loss) == pytest.approx(float(-(right[0] + right[1:].mean()) / 2))


def test_features_are_kept_for_training_alone(trainer):
    with torch.no_grad():
        trainer.network(torch.zeros(1, 2, 24, 24, 24))
    assert trainer.decoder_features is None


def test_the_head_is_optimized_with_the_student(trainer):
    learned = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    assert {id(p) for p in trainer.shape_head.parameters()} <= learned
    assert not learned & {id(p) for p in trainer.discriminator.parameters()}
    trainer.current_epoch = 2
    trainer.on_train_epoch_start()
    assert len({group["lr"] for group in trainer.optimizer.param_groups}) == 1


@pytest.mark.parametrize("patch", [(128, 128, 128), (24, 40, 40), (5, 64, 96), (1, 17, 33)])
def test_the_judge_takes_every_patch(patch):
    with torch.device("meta"):  # shapes alone
        judge = Discriminator(10, 2, patch)
        assert judge(torch.empty(2, 10, *patch), torch.empty(2, 2, *patch)).shape == (2, 2)


def test_the_judge_sees_all_of_a_patch():
    torch.manual_seed(0)
    judge = Discriminator(1, 1, (32, 32, 32)).eval()
    maps = torch.zeros(1, 1, 32, 32, 32, requires_grad=True)
    judge(maps, torch.randn(1, 1, 32, 32, 32))[0, 1].backward()
    corners = maps.grad[0, 0, ::31, ::31, ::31]
    assert (maps.grad != 0).float().mean() > 0.99
    assert (corners != 0).all()


def test_the_judge_of_a_student_of_pet_sees_pet_alone(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, patch_size=24, num_epochs=3, consistency_weight=1.0, student_channels="pet")
    trainer = make_trainer("nnUNetTrainerSASSNet")
    trainer.on_train_start()
    batch = trainer.next_unlabeled()
    trainer.learn_from_unlabeled(batch, 1.0)
    _, image = trainer.seen_unlabeled
    assert torch.equal(image, batch["data"][:, 1:2])
    assert trainer.discriminator.of_image.in_channels == 1


def test_what_is_to_be_ignored_teaches_no_shape(trainer, monkeypatch):
    maps, distances = torch.rand(2, 2, 8, 8, 8), torch.rand(2, 2, 8, 8, 8)
    target = torch.zeros(2, 1, 8, 8, 8)
    target[0, :, :3] = 3
    assert float(trainer.shape_loss(maps, distances, [target])) == pytest.approx(
        float(((maps - distances) ** 2).mean())
    )
    monkeypatch.setattr(type(trainer.label_manager), "ignore_label", 3)
    monkeypatch.setattr(type(trainer.label_manager), "has_ignore_label", True)
    squares = ((maps - distances) ** 2).double()
    expected = (squares[0, :, 3:].sum() + squares[1].sum()) / (2 * (8 * 8 * 8 + 5 * 8 * 8))
    assert float(trainer.shape_loss(maps, distances, [target])) == pytest.approx(float(expected), rel=1e-5)


def test_a_judge_whose_gradients_are_not_finite_keeps_its_weights(trainer):
    trainer.learn_from_labels(next(trainer.dataloader_train))
    trainer.learn_from_unlabeled(trainer.next_unlabeled(), 1.0)
    maps, image = trainer.seen_labeled
    trainer.seen_labeled = maps, image * float("inf")
    before = [p.clone() for p in trainer.discriminator.parameters()]
    trainer.on_student_updated()
    assert all(torch.equal(p, b) for p, b in zip(trainer.discriminator.parameters(), before, strict=True))
