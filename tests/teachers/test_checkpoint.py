"""Files of every wrapping are read; everything else is refused with an explanation, and no code of a file runs."""

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
from fixtures.teachers import assert_same_weights
from support import build_small_teacher

from nnunetv2_muduo.storage import file_digest
from nnunetv2_muduo.teachers import load_teacher
from nnunetv2_muduo.teachers.weights import save_teacher


class Payload:
    """Pickles as a call that makes a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


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


def test_digest_is_printed(tmp_path, capsys):
    path = tmp_path / "teacher.pth"
    save_teacher(build_small_teacher(0), path)
    load_teacher(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert file_digest(path) == digest
    assert digest in capsys.readouterr().out


def test_other_programs_checkpoints_show_their_keys(tmp_path):
    torch.save({"network_weights": {}, "current_epoch": 3}, tmp_path / "nnunet.pth")
    with pytest.raises(ValueError, match=r"nnunet\.pth: expected .* found \['current_epoch', 'network_weights'\]"):
        load_teacher(tmp_path / "nnunet.pth")


@pytest.mark.parametrize("content", [[1, 2], {}, {"model_state_dict": {"a": 1}}])
def test_content_that_is_no_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "content.pth")
    with pytest.raises(ValueError, match=r"content\.pth: expected 'model_state_dict'"):
        load_teacher(tmp_path / "content.pth")


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
