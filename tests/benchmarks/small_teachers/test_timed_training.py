"""The package's own teachers: what teaches their encoder, and what is left of it in the end."""

from dataclasses import replace

import pytest
import torch

from benchmarks.small_teachers.timed_training import TimedTraining, mirror
from benchmarks.small_teachers.train_small_teachers import SETTINGS
from benchmarks.small_teachers.young_students import YoungStudent, segmentation_loss, train_students
from nnunetv2_muduo.teacher_training.checkpoints import BEST
from nnunetv2_muduo.teacher_training.crops import Cropper
from nnunetv2_muduo.teacher_training.trainer import TeacherTraining
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
        training.all_volumes, training.all_volumes[:1], training.folder,
    )  # fmt: skip
    again.resume()
    assert again.iteration == 1
    assert again.part_done() == pytest.approx(training.part_done(), abs=0.1)
    for name, head in training.heads.items():
        assert torch.equal(again.heads[name].weight, head.weight)
    assert all(
        torch.equal(a, b) for a, b in zip(again.teacher.parameters(), training.teacher.parameters(), strict=True)
    )
    again.step()


def test_batches_are_mirrored_and_students_see_them_as_they_were(training, monkeypatch):
    training.student, seen = training.students[0], []
    crops = training.cropper.random_crops(training.student.volumes, 2, training.crop_generator)
    monkeypatch.setattr(training.student, "maps", lambda crops: seen.append(crops) or crops.truth_mask.float())
    monkeypatch.setattr(training, "part_done", lambda: 0.5)
    monkeypatch.setattr(training, "encode", lambda image: seen.append(image) or TeacherTraining.encode(training, image))
    n_mirrored = set()
    for _ in range(12):
        seen.clear()
        assert training.loss(crops).isfinite()
        image, by_student = seen[0], seen[1]
        assert torch.equal(by_student.image, crops.image)  # once more mirrored, as the student knows them
        axes = [2 + axis for axis in training.mirrored]
        assert torch.equal(image.flip(axes), crops.image)
        n_mirrored.add(len(axes))
    assert len(n_mirrored) > 1


def test_sides_are_exchanged_in_a_mirrored_body(training):
    training.student = YoungStudent(None, ["kidney_left", "kidney_right", "lung_middle_lobe_right"], [])
    crops = training.cropper.random_crops(training.volumes, 1, training.crop_generator)
    crops = replace(crops, organs=["kidney_left", "lung_middle_lobe_right"])
    for mirrored, expected in (([0], "kidney_right"), ([0, 1], "kidney_left"), ([0, 1, 2], "kidney_right")):
        training.mirrored = mirrored
        assert training._as_layers_see(crops).organs == [expected, "lung_middle_lobe_right"]


def test_mirroring_twice_gives_the_crops(training):
    crops = training.cropper.random_crops(training.volumes, 2, training.crop_generator)
    once = mirror(crops, [0, 2])
    assert torch.equal(once.truth_mask, crops.truth_mask.flip([1, 3]))
    twice = mirror(once, [0, 2])
    assert torch.equal(twice.image, crops.image)
    assert torch.equal(twice.labeled_mask, crops.labeled_mask)


def loss_of_voxels(training, crops):
    embeddings = training.encode(crops.image)
    return segmentation_loss(
        training.heads["+".join(training.student.organs)](embeddings), crops, training.student.organs
    )


def test_the_organs_of_voxels_teach_the_encoder(training):
    before = {name: head.weight.detach().clone() for name, head in training.heads.items()}
    training.step()
    changed = {name for name, head in training.heads.items() if not torch.equal(head.weight, before[name])}
    assert changed == {"+".join(training.student.organs)}
    training.optimizer.zero_grad()
    crops = training.cropper.random_crops(training.volumes, 2, training.crop_generator)
    loss_of_voxels(training, crops).backward()
    assert training.teacher.image_encoder.pos_embed.grad.abs().sum() > 0


def test_nothing_of_the_layer_is_in_the_teacher(training, tmp_path):
    training.step()
    training.validate_and_save(lambda text: None)
    assert load_teacher(tmp_path / BEST).state_dict().keys() == training.teacher.state_dict().keys()
    assert not [name for name in training.teacher.state_dict() if "head" in name and "iou" not in name]


def test_the_loss_of_voxels_by_hand(volumes):
    organs = ["liver", "spleen"]
    crops = Cropper("ct", SIZE, 8, flip_axes=()).random_crops(volumes[:1], 1, torch.Generator().manual_seed(0))
    labels = torch.zeros(1, SIZE, SIZE, SIZE, dtype=torch.long)
    for organ, mask in zip(crops.organs, crops.truth_mask, strict=True):
        labels[0, mask] = 1 + organs.index(organ)
    logits = torch.randn(1, 3, SIZE, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    probs, dice = logits.softmax(1)[0], []
    for c in {1 + organs.index(organ) for organ in crops.organs}:
        mask = labels[0] == c
        dice.append(2 * probs[c][mask].sum() / (probs[c].sum() + mask.sum()))
    cross_entropy = -probs.gather(0, labels).log().mean()
    expected = cross_entropy + 1 - sum(dice) / len(dice)
    torch.testing.assert_close(segmentation_loss(logits, crops, organs), expected)
