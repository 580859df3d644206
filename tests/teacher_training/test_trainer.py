"""Whole trainings of a tiny teacher: what they reach, that they go on exactly, and what they write."""

import argparse
import json
from dataclasses import asdict, replace

import pytest
import torch

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.cli import teacher as command_module
from nnunetv2_muduo.teacher_training.crops import Cropper
from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teacher_training.trainer import TeacherTraining
from nnunetv2_muduo.teacher_training.validation import held_out_crops, mean_of_prompts, validate
from nnunetv2_muduo.teachers.small import SMALL_CONFIG, untrained_teacher
from nnunetv2_muduo.teachers.weights import load_teacher, save_teacher

QUICK = TrainingSettings(
    "ct",
    spacing_mm=(4, 4),
    n_iterations=6,
    batch_size=2,
    crops_at_once=2,
    n_rounds=3,
    first_points=3,
    student_like_prompts=True,
    lr=2e-3,
    decoder_lr=2e-3,
    lr_drops=(0.5,),
    validate_every=3,
    n_validation_crops=4,
)


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
    broken.look(print)
    broken.step()  # lost, since it came after the checkpoint
    continued = make_training(untrained_teacher(tiny_teacher.config, seed=9), volumes, tmp_path / "b")
    continued.resume()
    continued.run()
    assert continued.history == unbroken.history
    expected = weights(unbroken)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(continued).items())


def test_another_training_is_not_continued(tiny_teacher, volumes, tmp_path):
    make_training(tiny_teacher, volumes, tmp_path).look(print)
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

    monkeypatch.setattr("nnunetv2_muduo.teacher_training.rounds.error_clicks", _first_voxel)
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


def test_held_out_figures_cover_every_prompt_and_organ(tiny_teacher, volumes):
    crops = held_out_crops(volumes, Cropper("ct", 16, 8), 4)
    assert [len(crops), *[len(crop.image) for crop in crops]] == [4, 1, 1, 1, 1]
    dice = validate(tiny_teacher, crops, torch.device("cpu"))
    assert dice == validate(tiny_teacher, crops, torch.device("cpu"))
    kinds = ["1 click", "3 clicks", "5 clicks", "3 points at once", "true mask", "student-like mask"]
    assert list(dice) == [*kinds, "student-like mask itself"]
    assert all(list(of) == ["mean", "liver", "spleen"] for of in dice.values())
    assert dice["1 click"]["mean"] == pytest.approx((dice["1 click"]["liver"] + dice["1 click"]["spleen"]) / 2)
    assert mean_of_prompts(dice) == pytest.approx(sum(dice[kind]["mean"] for kind in kinds) / 6)


def test_the_command_writes_teachers_that_load(tiny_teacher, raw_dataset, tmp_path, capsys):
    save_teacher(tiny_teacher, tmp_path / "tiny.pth")
    noisy = tmp_path / "noisy.txt"
    noisy.write_text("fdg_00aa_2001\n")
    command = f"teacher train --modality pet --data {raw_dataset} --init {tmp_path / 'tiny.pth'} -o {tmp_path / 'out'} "
    command += (
        f"--spacing 4 --iterations 2 --batch-size 2 --rounds 2 --validate-every 1 --noisy-labels {noisy} -device cpu"
    )
    assert main(command.split()) == 0
    assert f"pet_teacher: {tmp_path / 'out' / 'teacher_best.pth'}" in capsys.readouterr().out
    for name in ("teacher_best.pth", "teacher_last.pth"):
        loaded = load_teacher(tmp_path / "out" / name)
        assert loaded.config == tiny_teacher.config
        assert not any(parameter.requires_grad for parameter in loaded.parameters())
        assert not torch.equal(loaded.image_encoder.pos_embed, tiny_teacher.image_encoder.pos_embed)
    figures = json.loads((tmp_path / "out" / "held_out.json").read_text())
    assert [entry["iteration"] for entry in figures["history"]] == [1, 2]
    assert "3 points at once" in (tmp_path / "out" / "held_out.txt").read_text()
    assert not list((tmp_path / "out").glob("part_*"))
    assert main([*command.replace("/out", "/nothing").split(), "--c"]) == 1
    assert "Leave --c out" in capsys.readouterr().err
    assert main(command.split()) == 1
    assert "Continue it with --c" in capsys.readouterr().err
    assert main([*command.replace("--iterations 2", "--iterations 3").split(), "--c"]) == 1
    assert "another n_iterations" in capsys.readouterr().err
    assert main([*command.split(), "--c"]) == 0


def options_of(command: str):
    parser = argparse.ArgumentParser()
    command_module.add_arguments(parser)
    return parser.parse_args(f"train --modality ct --data x -o y {command}".split())


def test_learning_rates_are_the_published_ones_for_fine_tuning_and_from_scratch():
    for command, rates in (
        ("", (8e-5, 8e-6)),
        ("--scratch small", (8e-4, 8e-4)),
        ("--lr 1e-3 --decoder-lr 1e-5", (1e-3, 1e-5)),
    ):
        settings = command_module._settings(options_of(command))
        assert (settings.lr, settings.decoder_lr) == pytest.approx(rates)


def test_from_scratch_at_any_size(tiny_teacher, tmp_path):
    size = tmp_path / "size.json"
    size.write_text(json.dumps(asdict(tiny_teacher.config)))
    teacher = command_module._teacher(options_of(f"--scratch {size} --seed 0"))
    assert teacher.config == tiny_teacher.config
    assert command_module._teacher(options_of("--scratch small")).config == SMALL_CONFIG
    size.write_text('{"widht": 3}')
    with pytest.raises(ValueError, match=r"unknown keys \['widht'\]"):
        command_module._teacher(options_of(f"--scratch {size}"))
    with pytest.raises(FileNotFoundError, match="neither small nor public"):
        command_module._teacher(options_of("--scratch tiny"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modality": "mr"}, "'mr'"),
        ({"spacing_mm": (3, 2)}, "rising range"),
        ({"n_rounds": 0}, "n_rounds must be at least 1"),
    ],
)
def test_impossible_settings(change, message):
    with pytest.raises(ValueError, match=message):
        replace(QUICK, **change)
