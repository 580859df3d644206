"""The package's own teachers: what teaches their encoder, and what is left of it in the end."""

from dataclasses import replace

import pytest
import torch

from benchmarks.small_teachers.timed_training import TimedTraining
from benchmarks.small_teachers.train_small_teachers import SETTINGS
from benchmarks.small_teachers.young_students import train_students
from nnunetv2_muduo.teacher_training.checkpoints import BEST
from nnunetv2_muduo.teachers.small import SMALL_CONFIG, untrained_teacher
from nnunetv2_muduo.teachers.weights import load_teacher

SIZE = 16


@pytest.fixture
def training(volumes, tmp_path):
    teacher = untrained_teacher(replace(SMALL_CONFIG, image_size=SIZE, depth=1, global_attention_blocks=(0,)), 0)
    settings = replace(SETTINGS, batch_size=2, crops_at_once=2, lr=1e-2, decoder_lr=1e-2)
    students = train_students(volumes, (2,), "ct", SIZE, 0)
    return TimedTraining(1.0, students, teacher, settings, volumes, volumes[:1], tmp_path)


def test_a_training_that_goes_on_warms_up_and_may_choose_its_beginning(training, tmp_path):
    training.goes_on, done = True, iter([0.01, 2.0, 2.0, 2.0, 2.0])
    training.part_done = lambda: next(done)
    training._set_learning_rates()
    of_encoder, of_decoder, of_layers = (group["lr"] for group in training.optimizer.param_groups)
    assert of_encoder == pytest.approx(0.2 * 1e-2 * 0.99**0.9)
    assert of_decoder == of_encoder
    assert of_layers == pytest.approx(10 * 1e-2 * 0.99**0.9)
    before = {name: value.clone() for name, value in training.teacher.state_dict().items()}
    training.run()
    assert [entry["iteration"] for entry in training.history] == [0]
    for name, value in load_teacher(tmp_path / BEST).state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_a_stopped_training_goes_on_with_the_time_that_was_left(training):
    training.started -= 20
    training.step()
    training.validate_and_save(lambda text: None)
    again = TimedTraining(
        1.0, training.students, untrained_teacher(training.teacher.config, 1), training.settings,
        training.volumes, training.volumes[:1], training.folder,
    )  # fmt: skip
    again.resume()
    assert again.iteration == 1
    assert again.part_done() == pytest.approx(training.part_done(), abs=0.1)
    for layer, other in zip(training.layers, again.layers, strict=True):
        assert torch.equal(layer.weight, other.weight)
    assert all(
        torch.equal(a, b) for a, b in zip(again.teacher.parameters(), training.teacher.parameters(), strict=True)
    )
    again.step()


def test_batches_are_mirrored_and_students_see_them_as_they_were(training, monkeypatch):
    seen, volumes = [], training.volumes_of_batch()
    crops = training.cropper.random_crops(volumes, 2, training.crop_generator)
    monkeypatch.setattr(training.student, "maps", lambda crops: seen.append(crops) or crops.truth_mask.float())
    monkeypatch.setattr(training, "part_done", lambda: 0.5)
    n_mirrored, n_by_student = set(), 0
    for _ in range(24):
        seen.clear()
        assert training.loss(crops).isfinite()
        n_mirrored.add(len(training.mirrored))
        for by_student in seen:  # once more mirrored, as the student knows them
            assert torch.equal(by_student.image, crops.image)
            n_by_student += 1
    assert len(n_mirrored) > 1
    assert 4 <= n_by_student <= 20  # the other maps are simulated


def test_a_teacher_with_random_weights_first_learns_the_organs_of_voxels(training, monkeypatch):
    before = training.teacher.mask_decoder.mask_tokens.weight.detach().clone()
    crops = training.cropper.random_crops(training.volumes_of_batch(), 2, training.crop_generator)
    for done, has_prompts in ((0.05, False), (0.2, True)):
        monkeypatch.setattr(training, "part_done", lambda done=done: done)
        training.optimizer.zero_grad()
        training.loss(crops).backward()
        assert (training.teacher.mask_decoder.mask_tokens.weight.grad is not None) == has_prompts
        assert training.teacher.image_encoder.pos_embed.grad.abs().sum() > 0
    assert torch.equal(before, training.teacher.mask_decoder.mask_tokens.weight)


def test_layers_are_of_the_kind_that_the_student_knows(training):
    for _ in range(5):
        unseen = {volume.name for volume in training.volumes_of_batch()}
        assert unseen < {volume.name for volume in training.of_kinds[training.kind]}
