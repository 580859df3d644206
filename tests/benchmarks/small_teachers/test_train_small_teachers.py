"""A stage of the small teachers' training, by its command: where it begins, what it leaves, and that it is recorded."""

import json
import sys
from dataclasses import replace

import pytest
import torch

from benchmarks.small_teachers import train_small_teachers, young_students
from nnunetv2_muduo.teachers.small import SMALL_CONFIG, untrained_teacher
from nnunetv2_muduo.teachers.weights import load_teacher, save_teacher


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Where phantoms are made, once."""
    return tmp_path_factory.mktemp("out")


@pytest.fixture
def stage(out, tmp_path, monkeypatch):
    """Runs the command with few and small things, and returns the folder that it wrote into."""
    quick = replace(train_small_teachers.SETTINGS, batch_size=1, crops_at_once=1, n_validation_crops=2)
    for name, value in (("SETTINGS", quick), ("VAL_FRACTION", 0.5), ("PHANTOM_SPACING_MM", 12.0)):
        monkeypatch.setattr(train_small_teachers, name, value)
    monkeypatch.setattr(young_students, "N_CASES", 1)

    def run(*options):
        command = "train --minutes 0.03 --phantoms 8 --students 1 --modality ct"
        places = ["-o", str(out), "--into", str(tmp_path / "into")]
        monkeypatch.setattr(sys, "argv", [*command.split(), *places, *options])
        n_threads = torch.get_num_threads()
        train_small_teachers.main()
        torch.set_num_threads(n_threads)
        return tmp_path / "into"

    return run


def test_a_stage_goes_on_from_the_teachers_that_are_there(stage, out, tmp_path):
    started = untrained_teacher(SMALL_CONFIG, 1)
    (tmp_path / "init").mkdir()
    save_teacher(started, tmp_path / "init" / "ct.safetensors", "ct")
    (tmp_path / "init" / "ct.json").write_text(json.dumps({"stages": ["first"]}))
    folder = stage("--init", str(tmp_path / "init"), "--rounds", "2", "--lr", "1e-4")
    first, second = json.loads((folder / "ct.json").read_text())["stages"]
    assert first == "first"
    assert "0.03 minutes on one CPU thread" in second
    assert "--students 1 --rounds 2 --lr 0.0001" in second
    codes = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"  # never trained: whose they are shows the beginning
    trained = load_teacher(folder / "ct.safetensors").state_dict()[codes]
    torch.testing.assert_close(trained, started.state_dict()[codes], atol=2e-3, rtol=2e-3)
    assert "1. first\n2. 0.03 minutes" in (folder / "MODEL_CARD.md").read_text()
    assert not list((out / "ct").glob("*last*"))  # the next stage begins anew


def test_from_scratch_nothing_came_before(stage):
    assert len(json.loads((stage("--from-scratch") / "ct.json").read_text())["stages"]) == 1
