"""`nnUNetv2_train` itself, called in the test's own process, and trainers as users write them."""

import os
import sys
from pathlib import Path

import pytest
import torch
from nnunetv2.run.run_training import run_training_entry
from support import DATASET

HEAD = """
import torch
from nnunetv2.training.nnUNetTrainer.variants.training_length.nnUNetTrainer_Xepochs import *
from nnunetv2_muduo.trainers import *

"""
INIT = "def __init__(self, plans, configuration, fold, dataset_json, device=torch.device('cuda'))"
"""Head of the method in which nnU-Net's users set their numbers."""


def nnunet_train(*arguments: str) -> None:
    """`nnUNetv2_train 1 ... -device cpu`; the last line of what the command would print is the error that this raises."""
    n_threads = torch.get_num_threads()  # the command takes all
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["nnUNetv2_train", "1", *arguments, "-device", "cpu"])
        try:
            run_training_entry()
        finally:
            torch.set_num_threads(n_threads)


def train_fold(fold: int | str, trainer: str, *more: str) -> None:
    """Train a fold of 3d_fullres."""
    nnunet_train("3d_fullres", str(fold), "-tr", trainer, *more)


def model_folder(root: Path, trainer: str) -> Path:
    """Where a trainer's model of 3d_fullres stands below nnU-Net's folders."""
    return root / "res" / DATASET / f"{trainer}__nnUNetPlans__3d_fullres"


def add_own_trainers(monkeypatch, folder: Path, classes: str) -> None:
    """Write a module of a user's own trainers where nnU-Net looks for them."""
    (folder / "own").mkdir()
    (folder / "own" / "own_trainers.py").write_text(HEAD + classes)
    places = [os.environ["nnUNet_extTrainer"], str(folder / "own")]
    monkeypatch.setenv("nnUNet_extTrainer", os.pathsep.join(places))
