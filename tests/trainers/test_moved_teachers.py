"""A teacher is its file's content: `--c` goes on where the file lies elsewhere, not where another file lies in its place."""

import shutil
from pathlib import Path

import pytest
import torch
from support import build_small_teacher, make_trainer, write_config

from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.teachers.ensemble import same_teacher
from nnunetv2_muduo.teachers.registry import SMALL_TEACHERS
from nnunetv2_muduo.teachers.weights import save_teacher, teacher_digest

QUICK = {"num_epochs": 1, "num_iterations_per_epoch": 1, "prompt_generator_num_epochs": 2, "consistency_weight": 0}


@pytest.fixture
def weights(tmp_path):
    """Folder with both small teachers under names of a user's own."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for modality in ("ct", "pet"):
        shutil.copy(SMALL_TEACHERS / f"{modality}.safetensors", folder)
    return folder


def named(folder):
    return {f"{modality}_teacher": str(Path(folder) / f"{modality}.safetensors") for modality in ("ct", "pet")}


@pytest.fixture
def configure(prepared_dataset, tmp_path, monkeypatch):
    """Write a config with these teachers."""
    return lambda **teachers: write_config(
        monkeypatch, tmp_path, **{**QUICK, "num_iterations_per_epoch": 2, **teachers}
    )


def trained():
    """The checkpoint of a training that has begun."""
    trainer = make_trainer()
    trainer.on_train_start()
    trainer.save_checkpoint(f"{trainer.output_folder}/checkpoint_latest.pth")
    return f"{trainer.output_folder}/checkpoint_latest.pth"


def go_on_from(checkpoint):
    trainer = make_trainer(continue_training=True)
    trainer.load_checkpoint(checkpoint)
    return trainer


def test_moved_files_are_the_same_teachers(configure, weights, tmp_path):
    configure(**named(weights))
    checkpoint = trained()
    weights.rename(tmp_path / "elsewhere")
    configure(**named(tmp_path / "elsewhere"))
    trainer = go_on_from(checkpoint)
    trainer.on_train_start()
    assert trainer.muduo_state()["teachers"]["ct"] == teacher_digest("small_ct")
    assert trainer.muduo_state()["config"]["ct_teacher"] == named(tmp_path / "elsewhere")["ct_teacher"]


@pytest.mark.parametrize(("first", "then"), [("name", "path"), ("path", "name")])
def test_a_name_and_a_path_of_one_file_are_the_same_teacher(configure, weights, first, then):
    teachers = {"name": {"ct_teacher": "small", "pet_teacher": "small"}, "path": named(weights)}
    configure(**teachers[first])
    checkpoint = trained()
    configure(**teachers[then])
    go_on_from(checkpoint)


def test_another_file_at_the_same_path_is_another_teacher(configure, weights):
    configure(**named(weights))
    checkpoint = trained()
    shutil.copy(weights / "pet.safetensors", weights / "ct.safetensors")
    with pytest.raises(ValueError, match=r"ct_teacher: .*ct\.safetensors \(sha256 [0-9a-f]{64}, another file\)'"):
        go_on_from(checkpoint)


def test_another_file_elsewhere_or_none_is_another_teacher(configure, weights, tmp_path):
    configure(**named(weights))
    checkpoint = trained()
    save_teacher(build_small_teacher(1), tmp_path / "other.pth", "ct")
    for other in (tmp_path / "other.pth", tmp_path / "gone.pth"):
        configure(**{**named(weights), "ct_teacher": str(other)})
        with pytest.raises(ValueError, match=rf"ct_teacher: '.*ct\.safetensors' -> '.*{other.name}'"):
            go_on_from(checkpoint)


def test_checkpoints_of_earlier_versions_know_paths_alone(configure, weights, tmp_path):
    configure(**named(weights))
    checkpoint = trained()
    content = torch.load(checkpoint, weights_only=False)
    del content["init_args"]["muduo"]["teachers"]
    torch.save(content, checkpoint)
    go_on_from(checkpoint)
    shutil.copytree(weights, tmp_path / "elsewhere")
    configure(**named(tmp_path / "elsewhere"))
    with pytest.raises(ValueError, match="pet_teacher: "):
        go_on_from(checkpoint)


def test_names_are_never_looked_up():
    assert same_teacher(MuDuoConfig(), "ct", "sam_med3d", "whatever it was")
    assert same_teacher(MuDuoConfig(pet_teacher="small"), "pet", "small", "whatever it was")
