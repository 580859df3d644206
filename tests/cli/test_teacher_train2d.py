"""`muduo teacher train2d`: a fold's fine-tuned SAM, where the published weights come from, and what is refused."""

import os

import pytest
import torch
from huggingface_hub import constants
from support import NEEDS_TRANSFORMERS, make_trainer, write_config

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.cli.examples import EXAMPLES
from nnunetv2_muduo.teachers.sam2d.checkpoint import read_fine_tuned
from nnunetv2_muduo.teachers.sam2d.network import TINY

pytestmark = [NEEDS_TRANSFORMERS, pytest.mark.usefixtures("one_thread")]
CONFIG = {"patch_size": 24, "sam": "tiny", "num_epochs": 1}


def command(out, *more, sam="tiny"):
    return ["teacher", "train2d", "-d", "1", "-f", "0", "--sam", str(sam), "-o", str(out), "-device", "cpu", *more]


def test_it_writes_a_file_that_a_training_takes(prepared_dataset, tmp_path, monkeypatch, capsys):
    write_config(monkeypatch, tmp_path, **CONFIG)
    out = tmp_path / "sam"
    assert main(command(out, "--iterations", "3", "--minutes", "0")) == 0
    assert "Go on with --c" in capsys.readouterr().out
    assert main(command(out, "--iterations", "3")) == 1
    assert "Continue it with --c" in capsys.readouterr().err
    assert main(command(out, "--iterations", "4", "--c")) == 1
    assert "has another recipe; continue it as it was begun" in capsys.readouterr().err
    assert main(command(out, "--iterations", "3", "--c")) == 0
    file = out / "fine_tuned_sam.safetensors"
    assert f"sam_file: {file}" in capsys.readouterr().out
    assert sorted(os.listdir(out)) == ["fine_tuned_sam.safetensors", "fine_tuning.json"]
    assert main(command(out, "--iterations", "3")) == 1
    assert "this fine-tuning is done" in capsys.readouterr().err
    write_config(monkeypatch, tmp_path, **CONFIG, sam_file=str(file))
    trainer = make_trainer("nnUNetTrainerCFR")
    trainer.on_train_start()
    assert trainer.sam_digest is not None


def test_what_cannot_be_done_is_said(prepared_dataset, tmp_path, monkeypatch, capsys):
    write_config(monkeypatch, tmp_path, **CONFIG)
    for words, said in (
        (command(tmp_path / "a", "--c"), "no training to continue"),
        (command(tmp_path / "a", "--iterations", "0"), "n_iterations must be above 0"),
        (command(tmp_path / "a", sam=tmp_path), "no SAM with safetensors weights"),
        ([*command(tmp_path / "a"), "-f", "9"], "The split has 5 folds (5 labeled cases): use fold 0 to 4, or all."),
        ([*command(tmp_path / "a"), "-p", "nnUNetPlansOfNobody"], "There are no plans"),
    ):
        assert main(words) == 1
        assert said in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_public_weights_are_asked_for_by_their_names(prepared_dataset, hub_cache, tmp_path, monkeypatch, capsys):
    """The published setting up to the download: the hub's name of vit_b, and what it holds is fine-tuned."""
    import transformers

    write_config(monkeypatch, tmp_path, **CONFIG)
    published = next(example for example in EXAMPLES["teacher train2d"] if "--c" not in example)
    assert "--sam vit_b" in published
    torch.manual_seed(0)
    sam = transformers.SamModel(transformers.SamConfig(**TINY))
    sam.save_pretrained(tmp_path / "of_the_hub")
    asked, read = [], {kind: getattr(transformers, kind).from_pretrained for kind in ("SamConfig", "SamModel")}
    for kind in read:

        def from_pretrained(name, *args, kind=kind, **kwargs):
            asked.append((kind, name))
            return read[kind](tmp_path / "of_the_hub", *args, **kwargs)

        monkeypatch.setattr(getattr(transformers, kind), "from_pretrained", from_pretrained)
    assert main(command(tmp_path / "sam", "--iterations", "1", sam="vit_b")) == 0
    assert asked == [("SamConfig", "facebook/sam-vit-base"), ("SamModel", "facebook/sam-vit-base")]
    tuned = read_fine_tuned(tmp_path / "sam" / "fine_tuned_sam.safetensors")
    name = "vision_encoder.layers.0.attn.qkv"
    assert torch.equal(tuned.weights[f"sam.{name}.qkv.weight"], sam.state_dict()[f"{name}.weight"])
    assert tuned.made_from["recipe"]["sam"] == "vit_b"
    assert (
        tuned.made_from["recipe"] | {"lr": 1e-3, "weight_decay": 0.1, "lora_rank": 4, "batch_size": 2}
        == (tuned.made_from["recipe"])
    )


def test_without_network_the_sentence_names_the_weights(prepared_dataset, hub_cache, tmp_path, monkeypatch, capsys):
    write_config(monkeypatch, tmp_path, **CONFIG)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert main(command(tmp_path / "sam", sam="vit_b")) == 1
    assert "--sam vit_b: no SAM with safetensors weights at facebook/sam-vit-base" in capsys.readouterr().err
