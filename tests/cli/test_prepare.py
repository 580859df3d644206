import os
import shutil

import blosc2
import numpy as np
from support import DATASET, missing

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.data.batched_predictor import BatchedPredictor


def folder(root):
    return root / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled"


def test_a_trainer_that_is_not_ours_needs_no_preparation(prepared_dataset, capsys):
    assert main(["prepare", "-d", "1", "-tr", "nnUNetTrainer", "-device", "cpu"]) == 1
    assert "nnUNetTrainer needs no preparation" in capsys.readouterr().err


def test_parts_share_the_unlabeled_cases(prepared_dataset, monkeypatch):
    shutil.rmtree(folder(prepared_dataset))
    arguments = ["prepare", "-d", "1", "-device", "cpu", "-np", "1", "-num_parts", "2"]
    assert main([*arguments, "-part_id", "1"]) == 0
    assert sorted(p.stem for p in folder(prepared_dataset).glob("*.json")) == ["unlabeled_1", "unlabeled_3"]
    assert main([*arguments, "-part_id", "0"]) == 0
    assert missing() == []


def test_only_part_0_trains_the_generator(prepared_dataset, capsys):
    shutil.rmtree(prepared_dataset / "res")
    os.mkdir(prepared_dataset / "res")
    arguments = ["prepare", "-d", "1", "-device", "cpu", "-np", "1", "-num_parts", "2", "-part_id", "1"]
    assert main(arguments) == 1
    assert "part 0 trains it" in capsys.readouterr().err


def test_no_unlabeled_cases_at_all(prepared_dataset, capsys):
    shutil.rmtree(prepared_dataset / "raw" / DATASET / "imagesUn")
    shutil.rmtree(folder(prepared_dataset))  # or training would go on with what is prepared
    assert main(["prepare", "-d", "1", "-device", "cpu"]) == 1
    assert "No unlabeled cases in" in capsys.readouterr().err


def test_several_tiles_at_once_make_the_same_prompt_maps(prepared_dataset, monkeypatch):
    batch_sizes, logits_of = [], BatchedPredictor._logits
    monkeypatch.setattr(
        BatchedPredictor, "_logits", lambda self, tiles: batch_sizes.append(len(tiles)) or logits_of(self, tiles)
    )
    (made,) = (folder(prepared_dataset) / "prompt_maps").iterdir()
    before = {path.name: blosc2.open(str(path))[:] for path in made.glob("*.b2nd")}
    for path in made.glob("*.json"):
        path.unlink()
    assert main(["prepare", "-d", "1", "-device", "cpu", "-np", "1", "-tiles", "5"]) == 0
    assert max(batch_sizes) == 5
    for name, organ_map in before.items():
        assert np.mean(blosc2.open(str(made / name))[:] == organ_map) > 0.99
