"""Whole trainings of a tiny teacher: what they reach, and that they go on exactly."""

from dataclasses import replace

import pytest
import torch
from fixtures.teacher_training import QUICK

from nnunetv2_muduo.teacher_training.crops import Cropper
from nnunetv2_muduo.teacher_training.trainer import TeacherTraining
from nnunetv2_muduo.teacher_training.validation import validate
from nnunetv2_muduo.teachers.small import untrained_teacher


def make_training(teacher, volumes, folder, settings=QUICK, **kwargs):
    folder.mkdir(parents=True, exist_ok=True)
    return TeacherTraining(teacher, settings, volumes[:2], volumes[2:], folder, **kwargs)


def fresh(teacher):
    return untrained_teacher(teacher.config, seed=0)


def weights(training):
    return {name: tensor.clone() for name, tensor in training.teacher.state_dict().items()}


@pytest.mark.slow
def test_it_learns_its_own_crop(tiny_teacher, volumes, tmp_path):
    rates = {"lr": 1e-3, "decoder_lr": 1e-3, "weight_decay": 0.0, "lr_drops": (0.7,)}
    settings = replace(QUICK, n_iterations=200, keep_clicks=True, student_like_prompts=False, **rates)
    training = make_training(tiny_teacher, volumes, tmp_path, settings)
    generator = torch.Generator().manual_seed(0)
    cropper = Cropper("ct", 16, 8)
    crops = [cropper.crop(volume, volume.centers[1], generator) for volume in volumes[:2]]
    training.cropper = FixedCrops(crops)
    for _ in range(settings.n_iterations):
        training.step()
    dice = validate(tiny_teacher, crops, torch.device("cpu"))
    assert all(dice[kind]["mean"] > 0.9 for kind in ("1 click", "3 clicks", "3 points at once"))


class FixedCrops:
    def __init__(self, crops):
        self.crops = crops

    def random_crops(self, volumes, n, generator):
        from nnunetv2_muduo.teacher_training.crops import join_crops

        return join_crops(self.crops)


def test_all_trained_weights_move_and_no_others(tiny_teacher, volumes, tmp_path):
    training = make_training(tiny_teacher, volumes, tmp_path)
    before = weights(training)
    training.step()
    still = {name for name, tensor in training.teacher.state_dict().items() if torch.equal(tensor, before[name])}
    untrained = ("iou_prediction_head", "output_hypernetworks_mlps.1", "no_mask_embed", "gaussian_matrix")
    assert still
    assert all(any(part in name for part in untrained) for name in still), still


def test_a_continued_training_ends_where_an_unbroken_one_does(tiny_teacher, volumes, tmp_path):
    unbroken = make_training(fresh(tiny_teacher), volumes, tmp_path / "a")
    unbroken.run()
    broken = make_training(fresh(tiny_teacher), volumes, tmp_path / "b")
    for _ in range(QUICK.validate_every):
        broken.losses.append(broken.step())
    broken.validate_and_save(print)
    broken.step()  # lost, since it came after the checkpoint
    continued = make_training(untrained_teacher(tiny_teacher.config, seed=9), volumes, tmp_path / "b")
    continued.resume()
    continued.run()
    assert continued.history == unbroken.history
    expected = weights(unbroken)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(continued).items())


def test_another_training_is_not_continued(tiny_teacher, volumes, tmp_path):
    make_training(tiny_teacher, volumes, tmp_path).validate_and_save(print)
    other = make_training(fresh(tiny_teacher), volumes, tmp_path, replace(QUICK, lr=1.0, n_rounds=2))
    with pytest.raises(ValueError, match="another n_rounds, lr"):
        other.resume()
    other_cases = TeacherTraining(fresh(tiny_teacher), QUICK, volumes[1:2], volumes[2:], tmp_path)
    with pytest.raises(ValueError, match="another cases"):
        other_cases.resume()
    noisy = make_training(fresh(tiny_teacher), volumes, tmp_path, noisy_names=frozenset([volumes[0].name]))
    with pytest.raises(ValueError, match="another noisy_labels"):
        noisy.resume()


def test_gradients_of_parts_add_up_to_those_of_the_batch(tiny_teacher, volumes, tmp_path, monkeypatch):
    crops = Cropper("ct", 16, 1).random_crops(volumes, 4, torch.Generator().manual_seed(0))

    class InTurn:
        def __init__(self):
            self.start = 0

        def random_crops(self, volumes, n, generator):
            part = slice(self.start, self.start + n)
            self.start += n
            index = torch.arange(n)
            return replace(
                crops, image=crops.image[part], truth_mask=crops.truth_mask[part], crop_index=index,
                is_noisy=crops.is_noisy[part], organs=crops.organs[part],
            )  # fmt: skip

    monkeypatch.setattr("nnunetv2_muduo.teachers.robots.error_clicks", _first_voxel)
    gradients = []
    for crops_at_once in (4, 2, 3):
        settings = replace(QUICK, batch_size=4, crops_at_once=crops_at_once, n_rounds=2, first_points=1)
        training = make_training(fresh(tiny_teacher), volumes, tmp_path, replace(settings, student_like_prompts=False))
        training.cropper = InTurn()
        training.step()
        gradients.append(training.teacher.image_encoder.pos_embed.grad.clone())
    for of_parts in gradients[1:]:
        torch.testing.assert_close(of_parts, gradients[0], rtol=1e-4, atol=1e-6)


def _first_voxel(prediction_mask, truth_mask, generator):
    index = truth_mask.flatten(1).int().argmax(1)
    points = torch.stack([index // 256, index // 16 % 16, index % 16], -1)[:, None].float()
    return points, torch.ones(len(points), 1, dtype=torch.long)


def test_labels_of_low_quality_change_the_training(tiny_teacher, volumes, tmp_path):
    losses = []
    for names in (frozenset(), frozenset(volume.name for volume in volumes)):
        training = make_training(fresh(tiny_teacher), volumes, tmp_path, noisy_names=names)
        losses.append(training.step())
    assert losses[0] != losses[1]
