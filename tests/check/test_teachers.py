"""Teachers are opened by `muduo check`: what is no teacher, or doesn't fit, is never ok."""

import io
import zipfile

import pytest
import torch
from fixtures.hub import PUBLIC, put_in_cache
from support import build_small_teacher, write_config

from nnunetv2_muduo.check.findings import OK, PROBLEM, WARNING
from nnunetv2_muduo.check.teachers import check_teacher
from nnunetv2_muduo.teachers.registry import SMALL_TEACHERS, TEACHERS
from nnunetv2_muduo.teachers.weights import load_teacher, save_teacher


def a_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("readme.txt", "no weights")
    return content.getvalue()


def saved(content) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def good() -> bytes:
    return (SMALL_TEACHERS / "ct.safetensors").read_bytes()


NO_TEACHER = {  # name of the file: its content
    "passwd": lambda: b"root:x:0:0:root:/root:/bin/bash\n",
    "archive.zip": a_zip,
    "archive.pth": a_zip,
    "empty.pth": lambda: b"",
    "empty.safetensors": lambda: b"",
    "page.pth": lambda: b"<html>404</html>",
    "pointer.pth": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "cut.safetensors": lambda: good()[:-1000],
    "cut_head.safetensors": lambda: good()[:100],
    "cut.pth": lambda: saved(build_small_teacher(0).state_dict())[:-100],
    "other.pth": lambda: saved({"encoder.stages.0.weight": torch.zeros(2)}),
    "nnunet.pth": lambda: saved({"network_weights": {}, "current_epoch": 3}),
    "numbers.pth": lambda: saved({1: torch.zeros(1)}),
    "of_mri.pth": lambda: saved({"model_state_dict": {"a": torch.zeros(1)}, "modality": "mri"}),
    "odd_modality.pth": lambda: saved({"model_state_dict": {"a": torch.zeros(1)}, "modality": 3}),
    "odd_sizes.pth": lambda: saved({"model_state_dict": {"a": torch.zeros(1)}, "sam3d_config": 3}),
    "odd_blocks.pth": lambda: saved(
        {"model_state_dict": {"a": torch.zeros(1)}, "sam3d_config": {"global_attention_blocks": 3}}
    ),
}


@pytest.mark.parametrize("modality", ["ct", "pet"])
@pytest.mark.parametrize("name", NO_TEACHER)
def test_what_is_no_teacher_is_a_problem(tmp_path, name, modality):
    (tmp_path / name).write_bytes(NO_TEACHER[name]())
    found, size = check_teacher(modality, str(tmp_path / name))
    assert found.status == PROBLEM
    assert name in found.found
    assert size is None
    assert "\n" not in found.found


def test_the_command_does_not_call_it_ready(dataset, check, monkeypatch, tmp_path):
    write_config(monkeypatch, tmp_path, ct_teacher="/etc/passwd")
    exit_code, found = check()
    assert exit_code == 1
    assert found["CT teacher"][0] == PROBLEM
    assert found["PET teacher"][0] == WARNING  # small: for trying out


def test_teachers_that_see_images_of_two_sizes(dataset, check, monkeypatch, tmp_path):
    save_teacher(build_small_teacher(0), tmp_path / "of_32.pth")  # the other one sees 24 voxels
    write_config(monkeypatch, tmp_path, ct_teacher=str(tmp_path / "of_32.pth"))
    exit_code, found = check()
    assert exit_code == 1
    assert found["CT teacher"][0] == OK
    assert found["image"][0] == PROBLEM
    assert "must see the same image size" in found["image"][1]
    assert check("-tr", "nnUNetTrainerMuDuo_CTTeacherOnly")[0] == 0


def test_a_patch_that_the_teachers_do_not_see(dataset, check, monkeypatch, tmp_path):
    write_config(monkeypatch, tmp_path, patch_size=32)
    exit_code, found = check()
    assert exit_code == 1
    assert "patch_size is 32, but the teachers see 24 voxels" in found["image"][1]


@pytest.mark.parametrize(("field", "modality"), [("ct_teacher", "pet"), ("pet_teacher", "ct")])
def test_a_file_that_says_it_is_for_the_other_modality(dataset, check, monkeypatch, tmp_path, field, modality):
    save_teacher(load_teacher(f"small_{modality}"), tmp_path / "own.pth", modality)
    write_config(monkeypatch, tmp_path, **{field: str(tmp_path / "own.pth")})
    exit_code, found = check()
    assert exit_code == 1
    assert f"is for {modality.upper()}, not for" in found[f"{field[: field.index('_')].upper()} teacher"][1]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_teachers_are_opened_in_the_cache(offline_cache, name):
    path = put_in_cache(offline_cache, TEACHERS[name])
    found, size = check_teacher(TEACHERS[name].modality, name)
    assert (found.status, size) == (OK, 32)
    assert str(path) in found.found
    path.write_bytes(path.read_bytes()[:-50])
    assert check_teacher(TEACHERS[name].modality, name)[0].status == PROBLEM


@pytest.mark.parametrize("name", PUBLIC)
def test_without_network_the_command_that_helps_is_named(offline_cache, name):
    modality = TEACHERS[name].modality
    found, _ = check_teacher(modality, name)
    assert found.status == PROBLEM
    assert f"muduo teacher fetch {modality}" in found.found
