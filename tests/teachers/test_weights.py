"""Checkpoints of every wrapping load; everything else is refused with an explanation, and no code of a file runs."""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support import COARSE_CONFIG, build_small_teacher

from nnunetv2_muduo.teachers import load_teacher
from nnunetv2_muduo.teachers.checkpoint import sha256
from nnunetv2_muduo.teachers.weights import save_teacher


@pytest.fixture
def state():
    return build_small_teacher(seed=3).state_dict()


@pytest.fixture
def config():
    return dict(vars(COARSE_CONFIG))


class Payload:
    """Pickles as a call that makes a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def assert_same_weights(teacher, state):
    loaded = teacher.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name]) for name in state)
    assert not teacher.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


@pytest.mark.parametrize("name", ["teacher.pth", "teacher.safetensors"])
def test_saved_teachers_load(tmp_path, name):
    teacher = build_small_teacher(seed=3)
    save_teacher(teacher, tmp_path / name)
    loaded = load_teacher(tmp_path / name)
    assert loaded.config == teacher.config
    assert_same_weights(loaded, teacher.state_dict())
    image = torch.ones(1, 1, 32, 32, 32)
    assert torch.equal(loaded.encode(image), teacher.encode(image))


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_wrappers_prefixes_are_removed(tmp_path, state, config, prefix):
    wrapped = {prefix + name: tensor for name, tensor in state.items()}
    torch.save({"model_state_dict": wrapped, "sam3d_config": config}, tmp_path / "wrapped.pth")
    assert_same_weights(load_teacher(str(tmp_path / "wrapped.pth")), state)


def test_training_checkpoints_load_with_what_public_code_stores_beside_the_weights(tmp_path, state, config):
    checkpoint = {
        "model_state_dict": state,
        "sam3d_config": config,
        "epoch": 3,
        "best_loss": float("inf"),
        "losses": [0.5],
        "args": argparse.Namespace(device=torch.device("cpu"), lr=8e-4),
        "used_datas": ["a"],
    }
    torch.save(checkpoint, tmp_path / "training.pth")
    assert_same_weights(load_teacher(tmp_path / "training.pth"), state)


def test_half_precision_files_become_float32(tmp_path, state, config):
    halved = {name: tensor.half() for name, tensor in state.items()}
    torch.save({"model_state_dict": halved, "sam3d_config": config}, tmp_path / "half.pth")
    assert {x.dtype for x in load_teacher(tmp_path / "half.pth").state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("nested", [True, False])
def test_files_without_architecture_are_the_public_one(tmp_path, golden_teacher, nested):
    state = golden_teacher.state_dict()
    torch.save({"model_state_dict": state} if nested else state, tmp_path / "public.pth")
    loaded = load_teacher(tmp_path / "public.pth")
    assert loaded.image_size == 128
    assert_same_weights(loaded, state)


def test_digest_is_printed(tmp_path, capsys):
    path = tmp_path / "teacher.pth"
    save_teacher(build_small_teacher(0), path)
    load_teacher(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert sha256(path) == digest
    assert digest in capsys.readouterr().out


def test_missing_file_lists_the_known_names(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"none\.pth' is neither a file nor one of sam_med3d, seganypet, small_ct"
    ):
        load_teacher(tmp_path / "none.pth")


def test_mismatch_names_file_and_parameters(tmp_path, state, config):
    for i in range(7):
        state[f"extra.{i}"] = torch.zeros(1)
    del state["image_encoder.pos_embed"]
    state["mask_decoder.iou_token.weight"] = torch.zeros(1, 4)
    torch.save({"model_state_dict": state, "sam3d_config": config}, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match=r"odd\.pth do not fit the architecture that it carries") as caught:
        load_teacher(tmp_path / "odd.pth")
    message = str(caught.value)
    assert "1 missing: image_encoder.pos_embed\n" in message
    assert "7 unexpected: extra.0, extra.1, extra.2, extra.3, extra.4, ...\n" in message
    assert "1 of another shape: mask_decoder.iou_token.weight [1, 4] instead of [1, 96]" in message
    assert "Use sam_med3d_turbo.pth" in message


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("image_encoder.blocks.0.attn.rel_pos_h", "SAM or MedSAM, for 2D images"),
        ("image_encoder.blocks.0.Adapter.spatial.weight", "SAM-Med2D"),
        ("image_encoder.trunk.pos_embed", "SAM 2 or MedSAM2"),
        ("encoder.stages.0.0.convs.0.conv.weight", "an nnU-Net network"),
        ("conv.weight", "no network that this package knows"),
    ],
)
def test_mismatch_names_the_likely_model(tmp_path, name, model):
    torch.save({name: torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=f"do not fit the public vit_b_ori(.|\n)*They look like {model}"):
        load_teacher(tmp_path / "other.pth")


def test_small_teacher_without_its_architecture_is_recognized(tmp_path, state):
    torch.save(state, tmp_path / "small.pth")
    with pytest.raises(ValueError, match="a SAM-Med3D of another size"):
        load_teacher(tmp_path / "small.pth")


def test_other_programs_checkpoints_show_their_keys(tmp_path):
    torch.save({"network_weights": {}, "current_epoch": 3}, tmp_path / "nnunet.pth")
    with pytest.raises(ValueError, match=r"nnunet\.pth: expected .* found \['current_epoch', 'network_weights'\]"):
        load_teacher(tmp_path / "nnunet.pth")


@pytest.mark.parametrize("content", [[1, 2], {}, {"model_state_dict": {"a": 1}}])
def test_content_that_is_no_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "content.pth")
    with pytest.raises(ValueError, match=r"content\.pth: expected 'model_state_dict'"):
        load_teacher(tmp_path / "content.pth")


def test_unknown_architecture_keys_are_refused(tmp_path, state, config):
    torch.save({"model_state_dict": state, "sam3d_config": config | {"n_wings": 2}}, tmp_path / "new.pth")
    with pytest.raises(ValueError, match="n_wings"):
        load_teacher(tmp_path / "new.pth")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_files_are_named(tmp_path, suffix, share):
    path = tmp_path / f"cut{suffix}"
    save_teacher(build_small_teacher(0), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=rf"cut\{suffix} \(\d+ bytes\) can't be read: (.|\n)*truncated"):
        load_teacher(path)


@pytest.mark.parametrize("content", [b"<html>404</html>", json.dumps({"a": 1}).encode(), b"\x80\x02}q\x00."])
def test_files_that_are_no_checkpoints_are_named(tmp_path, content):
    (tmp_path / "page.pth").write_bytes(content)
    with pytest.raises(ValueError, match=r"page\.pth .*no checkpoint"):
        load_teacher(tmp_path / "page.pth")


def test_code_in_files_is_refused_by_name_and_never_runs(tmp_path, state, config):
    target = tmp_path / "made_by_payload"
    content = {"model_state_dict": state, "sam3d_config": config, "args": Payload(target)}
    torch.save(content, tmp_path / "unsafe.pth")
    with pytest.raises(ValueError, match=r"unsafe\.pth need classes that could run code \(posix\.mkdir\)"):
        load_teacher(tmp_path / "unsafe.pth")
    assert not target.exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_code_inside_an_admitted_class_never_runs(tmp_path, state, config, protocol):
    target = tmp_path / "made_by_payload"
    content = {"model_state_dict": state, "sam3d_config": config, "args": argparse.Namespace(x=[Payload(target)])}
    torch.save(content, tmp_path / "unsafe.pth", pickle_protocol=protocol)
    with pytest.raises(ValueError, match=r"unsafe\.pth need (classes that could|operations .* not know \(Unsupported)"):
        load_teacher(tmp_path / "unsafe.pth")
    assert not target.exists()


def test_advice_on_refused_files_works(tmp_path, state, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model_state_dict": state, "args": Path("data")}, tmp_path / "unsafe.pth")
    with pytest.raises(ValueError, match="write its weights alone") as caught:
        load_teacher(tmp_path / "unsafe.pth")
    command = str(caught.value).splitlines()[-1].strip()
    subprocess.run([sys.executable, *shlex.split(command)[1:]], check=True)
    assert torch.load(tmp_path / "weights_only.pth").keys() == state.keys()


def test_bare_safetensors_are_the_public_architecture(tmp_path, state):
    save_file(state, tmp_path / "bare.safetensors")
    with pytest.raises(ValueError, match="do not fit the public vit_b_ori"):
        load_teacher(tmp_path / "bare.safetensors")
