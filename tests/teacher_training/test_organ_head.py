"""The layer for voxels' organs: what it learns from, what it teaches, and what is left of it in the end."""

from dataclasses import replace

import pytest
import torch

from nnunetv2_muduo.teacher_training.checkpoints import BEST
from nnunetv2_muduo.teacher_training.crops import Cropper
from nnunetv2_muduo.teacher_training.organ_head import (
    OrganHeadTraining,
    as_layers_see,
    kind_of,
    kinds_of,
    label_map,
    mirror,
    segmentation_loss,
)
from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teacher_training.trainer import TeacherTraining
from nnunetv2_muduo.teachers.small import SMALL_CONFIG, untrained_teacher
from nnunetv2_muduo.teachers.weights import load_teacher

SIZE = 16
SETTINGS = TrainingSettings(
    "ct", batch_size=4, crops_at_once=2, n_rounds=2, organ_head=True, lr=1e-2, decoder_lr=1e-2, n_iterations=4,
    validate_every=2, n_validation_crops=2,
)  # fmt: skip


def training_of(volumes, folder, **changes):
    teacher = untrained_teacher(replace(SMALL_CONFIG, image_size=SIZE, depth=1, global_attention_blocks=(0,)), 0)
    noisy = changes.pop("noisy_names", frozenset())
    return OrganHeadTraining(teacher, replace(SETTINGS, **changes), volumes, volumes[:1], folder, noisy)


@pytest.fixture
def training(volumes, tmp_path):
    return training_of(volumes, tmp_path)


@pytest.fixture
def crops(training):
    return training.cropper.random_crops(training.volumes_of_batch(), 2, training.crop_generator)


def test_all_crops_at_once_are_of_one_kind(volumes, tmp_path):
    volumes = [*volumes[:1], *(replace(volume, organs={1: "liver", 2: "lungs"}) for volume in volumes[1:])]
    training = training_of(volumes, tmp_path)
    kinds = set()
    for _ in range(60):
        assert {kind_of(volume) for volume in training.volumes_of_batch()} == {training.kind}
        kinds.add(training.kind)
    assert kinds == set(kinds_of(volumes))
    assert len(kinds) == 2 == len(training.layers)


def test_the_organs_of_voxels_teach_the_encoder_and_the_layer_of_their_kind(training, crops):
    training.mirrored = []
    training.loss_of_voxels(training.encode(crops.image), crops).backward()
    assert training.teacher.image_encoder.pos_embed.grad.abs().sum() > 0
    assert training.teacher.mask_decoder.mask_tokens.weight.grad is None
    taught = [layer.weight.grad is not None for layer in training.layers]
    assert taught == [kind == training.kind for kind in training.of_kinds]


def test_the_loss_is_that_of_the_prompts_and_of_the_voxels(training, crops, monkeypatch):
    monkeypatch.setattr(training, "loss_of_prompts", lambda embeddings, crops: torch.tensor(3.0))
    monkeypatch.setattr(training, "loss_of_voxels", lambda embeddings, crops: torch.tensor(0.5))
    assert training.loss(crops) == 3.5
    assert training.loss(replace(crops, is_noisy=torch.ones_like(crops.is_noisy))) == 3.0


def test_as_many_organs_are_prompted_as_without_layers(volumes, tmp_path, monkeypatch):
    training, seen = training_of(volumes, tmp_path, max_organs=1), []
    monkeypatch.setattr(
        training, "loss_of_prompts", lambda embeddings, crops: seen.append(crops) or embeddings.new_zeros(())
    )
    crops = training.cropper.random_crops(training.volumes_of_batch(), 2, training.crop_generator)
    training.loss(crops)
    assert len(crops.organs) > 2
    assert len(seen[0].organs) == 2


def test_batches_are_mirrored_half_of_the_time(training, crops, monkeypatch):
    seen, n_mirrored = [], []
    monkeypatch.setattr(training, "encode", lambda image: seen.append(image) or TeacherTraining.encode(training, image))
    for _ in range(12):
        training.loss(crops)
        axes = [2 + axis for axis in training.mirrored]
        assert torch.equal(seen[-1].flip(axes), crops.image)
        n_mirrored.append(len(axes))
    assert 2 <= n_mirrored.count(0) <= 10


def test_mirroring_twice_gives_the_crops(crops):
    once = mirror(crops, [0, 2])
    assert torch.equal(once.truth_mask, crops.truth_mask.flip([1, 3]))
    twice = mirror(once, [0, 2])
    assert torch.equal(twice.image, crops.image)
    assert torch.equal(twice.labeled_mask, crops.labeled_mask)


def test_sides_are_exchanged_in_a_mirrored_body(crops):
    kind = ("kidney_left", "kidney_right", "lung_middle_lobe_right")
    crops = replace(crops, organs=["kidney_left", "lung_middle_lobe_right"])
    for mirrored, expected in (([0], "kidney_right"), ([0, 1], "kidney_left"), ([0, 1, 2], "kidney_right")):
        assert as_layers_see(crops, mirrored, kind).organs == [expected, "lung_middle_lobe_right"]


def test_a_training_and_its_continuation_are_one(volumes, tmp_path):
    whole = training_of(volumes, tmp_path / "whole")
    stopped = training_of(volumes, tmp_path / "stopped")
    for training in (whole, stopped):
        training.folder.mkdir()
    whole.run()
    for _ in range(2):
        stopped.step()
    stopped.validate_and_save(lambda text: None)
    again = training_of(volumes, tmp_path / "stopped")
    again.resume()
    again.run()
    for ours, theirs in ((again.teacher, whole.teacher), (again.layers, whole.layers)):
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_learning_rates_of_encoder_decoder_and_layers(training):
    assert training.rates(0.0) == pytest.approx((1e-2, 1e-2, 1e-1))
    assert training.rates(0.95) == pytest.approx((1e-4, 1e-4, 1e-3))


def test_nothing_of_the_layers_is_in_the_teacher(training, tmp_path):
    training.step()
    training.validate_and_save(lambda text: None)
    assert load_teacher(tmp_path / BEST).state_dict().keys() == training.teacher.state_dict().keys()
    assert not {id(parameter) for parameter in training.layers.parameters()} & {
        id(parameter) for parameter in training.teacher.parameters()
    }


def test_the_loss_of_voxels_by_hand(volumes):
    kind = ("liver", "spleen")
    crops = Cropper("ct", SIZE, 8, flip_axes=()).random_crops(volumes[:1], 1, torch.Generator().manual_seed(0))
    labels = torch.zeros(1, SIZE, SIZE, SIZE, dtype=torch.long)
    for organ, mask in zip(crops.organs, crops.truth_mask, strict=True):
        labels[0, mask] = 1 + kind.index(organ)
    assert torch.equal(label_map(crops, kind), labels)
    logits = torch.randn(1, 3, SIZE, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    probs, dice = logits.softmax(1)[0], []
    for c in {1 + kind.index(organ) for organ in crops.organs}:
        mask = labels[0] == c
        dice.append(2 * probs[c][mask].sum() / (probs[c].sum() + mask.sum()))
    cross_entropy = -probs.gather(0, labels).log().mean()
    torch.testing.assert_close(segmentation_loss(logits, labels), cross_entropy + 1 - sum(dice) / len(dice))
