"""`muduo teacher train`: what it is told, and what it writes."""

import argparse
import json
from dataclasses import asdict

import pytest
import torch

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.cli import teacher as command_module
from nnunetv2_muduo.teachers.small import SMALL_CONFIG
from nnunetv2_muduo.teachers.weights import load_teacher, save_teacher

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_command_writes_teachers_that_load(tiny_teacher, raw_dataset, tmp_path, capsys):
    save_teacher(tiny_teacher, tmp_path / "tiny.pth")
    noisy = tmp_path / "noisy.txt"
    noisy.write_text("fdg_00aa_2001\n")
    command = f"teacher train --modality pet --data {raw_dataset} --init {tmp_path / 'tiny.pth'} -o {tmp_path / 'out'} "
    command += (
        f"--spacing 4 --iterations 2 --batch-size 2 --rounds 2 --validate-every 1 --noisy-labels {noisy} -device cpu "
        "--max-clicks 2 --robots center random --absent 0.5"
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
    refused_before_the_data(command.replace("--iterations 2", "--iterations 3"), "another n_iterations;", capsys)
    refused_before_the_data(command.replace(f"--noisy-labels {noisy} ", ""), "another noisy_labels;", capsys)
    assert main([*command.split(), "--c"]) == 0


def refused_before_the_data(command: str, words: str, capsys) -> None:
    """A training is not continued by this command, which finds no data either."""
    command = command.replace("Dataset042_Balls", "Dataset043_Nowhere")
    assert main([*command.split(), "--c"]) == 1
    assert words in capsys.readouterr().err


def options_of(command: str):
    parser = argparse.ArgumentParser()
    command_module.add_arguments(parser)
    return parser.parse_args(f"train --modality ct --data x -o y {command}".split())


def test_who_clicks_and_how_often_is_told():
    published = command_module._settings(options_of(""))
    assert (published.max_clicks, published.robots, published.absent_fraction) == (1, ("random",), 0)
    told = command_module._settings(options_of("--max-clicks 3 --robots center border --absent 0.1"))
    assert (told.max_clicks, told.robots, told.absent_fraction) == (3, ("center", "border"), 0.1)


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


def test_beginning_with_a_teacher_of_the_other_modality_is_warned_of(capsys):
    command_module._teacher(options_of("--init small_pet"))
    assert "WARNING: the teacher to begin with, small_pet, is for PET, and --modality is ct." in capsys.readouterr().out
    command_module._teacher(options_of("--init small_ct"))
    assert "WARNING" not in capsys.readouterr().out


def test_a_training_of_the_other_modality_is_not_continued(tiny_teacher, tmp_path):
    save_teacher(tiny_teacher, tmp_path / "teacher_last.pth", modality="pet")
    options = options_of("--c")
    options.out = tmp_path
    with pytest.raises(ValueError, match="is for PET, not for CT"):
        command_module._teacher(options)


def test_the_teacher_is_opened_before_the_data_are_read(raw_dataset, tmp_path, capsys):
    (tmp_path / "none.pth").write_bytes(b"no weights")
    words = ["--data", str(raw_dataset), "--init", str(tmp_path / "none.pth"), "-o", str(tmp_path / "out")]
    assert main(["teacher", "train", "--modality", "pet", *words, "-device", "cpu"]) == 1
    assert "none.pth" in capsys.readouterr().err
    assert not (tmp_path / "out" / "cache").exists()


def test_a_teacher_that_no_training_wrote_is_not_continued(tiny_teacher, raw_dataset, tmp_path, capsys):
    save_teacher(tiny_teacher, tmp_path / "teacher_last.pth", modality="pet")
    words = ["--data", str(raw_dataset), "-o", str(tmp_path), "-device", "cpu", "--c"]
    assert main(["teacher", "train", "--modality", "pet", *words]) == 1
    assert f"{tmp_path / 'teacher_last.pth'} holds a teacher, and no training" in capsys.readouterr().err


def test_images_that_dataset_json_lists_elsewhere(tiny_teacher, raw_dataset, tmp_path, monkeypatch, capsys):
    save_teacher(tiny_teacher, tmp_path / "tiny.pth")
    monkeypatch.setenv("PLACE_OF_IMAGES", str(raw_dataset))
    content = json.loads((raw_dataset / "dataset.json").read_text())
    cases = sorted(path.name.split(".")[0] for path in (raw_dataset / "labelsTr").iterdir())
    content["dataset"] = {
        case: {
            "images": [f"$PLACE_OF_IMAGES/imagesTr/{case}_000{channel}.nii.gz" for channel in (0, 1)],
            "label": f"$PLACE_OF_IMAGES/labelsTr/{case}.nii.gz",
        }
        for case in cases
    }
    folder = tmp_path / "Dataset044_Listed"
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps(content))
    words = ["--init", str(tmp_path / "tiny.pth"), "--spacing", "4", "--iterations", "1", "--batch-size", "1"]
    command = [
        "teacher",
        "train",
        "--modality",
        "pet",
        "--data",
        str(folder),
        *words,
        "--rounds",
        "2",
        "-device",
        "cpu",
    ]
    assert main([*command, "-o", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out" / "cache").iterdir()) == [f"{case}_pet" for case in cases]
    content["dataset"][cases[1]]["label"] = "nowhere.nii.gz"
    (folder / "dataset.json").write_text(json.dumps(content))
    capsys.readouterr()
    assert main([*command, "-o", str(tmp_path / "other")]) == 1
    assert f"Case {cases[1]} of {folder}: {folder / 'nowhere.nii.gz'} is missing" in capsys.readouterr().err
