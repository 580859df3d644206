"""Teachers are opened before anything expensive: no case is preprocessed and no generator trained for one that is none."""

import io
import re
import zipfile

import pytest
import torch
from fixtures.hub import put_in_cache
from stock_command import train_fold
from support import DATASET, build_small_teacher, write_config

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.teachers.registry import SMALL_TEACHERS, TEACHERS
from nnunetv2_muduo.teachers.weights import load_teacher, save_teacher


def cut_off(path):
    path.write_bytes((SMALL_TEACHERS / "pet.safetensors").read_bytes()[:-500])


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no weights")


def of_another_network(path):
    content = io.BytesIO()
    torch.save({"encoder.stages.0.weight": torch.zeros(2)}, content)
    path.write_bytes(content.getvalue())


def not_finite(value):
    """A teacher one of whose weights has this value, which is all that is wrong with it."""

    def write(path):
        teacher = load_teacher("small_pet")
        dict(teacher.named_parameters())[SPOILED].view(-1)[0] = value
        save_teacher(teacher, path, "pet")

    return write


SPOILED = "mask_decoder.iou_token.weight"
NO_TEACHER = {
    "nan.safetensors": not_finite(float("nan")),
    "infinite.pth": not_finite(float("inf")),
    "of_another_size.pth": lambda path: save_teacher(build_small_teacher(0), path),  # 32 voxels; the other sees 24
    "cut.safetensors": cut_off,
    "zipped.pth": zipped,
    "empty.pth": lambda path: path.touch(),
    "of_another_network.pth": of_another_network,
    "for_ct.safetensors": lambda path: save_teacher(load_teacher("small_ct"), path, "ct"),
    "missing.pth": lambda path: None,
}


@pytest.fixture(params=NO_TEACHER)
def no_teacher(request, tiny_dataset_copy, monkeypatch, tmp_path):
    """Folder of the data set, with a config whose PET teacher is none; words that its error has."""
    path = tmp_path / request.param
    NO_TEACHER[request.param](path)
    write_config(monkeypatch, tmp_path, pet_teacher=str(path))
    words = "same image size" if "size" in path.name else path.name
    if path.stem in ("nan", "infinite"):
        words = f"{path.name} hold NaN or infinite values in 1 tensor(s): {SPOILED}"
    return tiny_dataset_copy, words


def made(root):
    """What a preparation makes."""
    unlabeled = (root / "pre" / DATASET).glob("*_unlabeled")
    return [*unlabeled, *root.glob("res/*/nnUNetTrainerMuDuoPromptGenerator*/fold_0/checkpoint_*")]


def test_prepare_looks_first(no_teacher, capsys):
    root, words = no_teacher
    assert main(["prepare", "-d", "1", "-device", "cpu", "-np", "1"]) == 1
    assert words in capsys.readouterr().err
    assert not made(root)


def test_a_training_looks_first(no_teacher):
    root, words = no_teacher
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(words)):
        train_fold(0, "nnUNetTrainerMuDuo")
    assert not made(root)


@pytest.mark.parametrize("command", ["check -d 1", "teacher train --modality pet --data 1 -device cpu"])
def test_weights_that_are_not_finite_are_named_by_check_and_teacher_train(
    tiny_dataset_copy, monkeypatch, tmp_path, capsys, command
):
    path = tmp_path / "nan.pth"
    NO_TEACHER["nan.safetensors"](path)
    write_config(monkeypatch, tmp_path, pet_teacher=str(path))
    words = ["--init", str(path), "-o", str(tmp_path / "out")] if "train" in command else []
    assert main([*command.split(), *words]) == 1
    said = capsys.readouterr()
    assert f"{path} hold NaN or infinite values in 1 tensor(s): {SPOILED}" in " ".join((said.out + said.err).split())
    assert not (tmp_path / "out" / "cache").exists()


@pytest.mark.parametrize("how", ["prepare", "train"])
def test_a_hub_out_of_reach_is_said_before_anything_is_made(
    tiny_dataset_copy, offline_cache, monkeypatch, tmp_path, how
):
    write_config(monkeypatch, tmp_path, ct_teacher="sam_med3d", pet_teacher="seganypet")
    if how == "prepare":
        assert main(["prepare", "-d", "1", "-device", "cpu", "-np", "1"]) == 1
    else:
        with pytest.raises(FileNotFoundError, match="muduo teacher fetch ct"):
            train_fold(0, "nnUNetTrainerMuDuo")
    assert not made(tiny_dataset_copy)


def test_a_public_file_of_another_size_than_its_name_says(
    tiny_dataset_copy, offline_cache, monkeypatch, tmp_path, capsys
):
    for name in ("sam_med3d", "seganypet"):
        put_in_cache(offline_cache, TEACHERS[name])  # 32 voxels, not 128
    write_config(monkeypatch, tmp_path, ct_teacher="sam_med3d", pet_teacher="seganypet", patch_size=128)
    assert main(["prepare", "-d", "1", "-device", "cpu", "-np", "1"]) == 1
    assert "patch_size is 128, but the teachers see 32 voxels" in capsys.readouterr().err
    assert not made(tiny_dataset_copy)
