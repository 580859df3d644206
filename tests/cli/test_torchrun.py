"""Two processes started by torchrun train and validate together, on one machine and without GPUs."""

import json
import os
import subprocess
import sys

import pytest
import torch
from support import DATASET

MODEL = "nnUNetTrainerMuDuo__nnUNetPlans__3d_fullres/fold_0"

pytestmark = pytest.mark.slow


def torchrun(*arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "nnUNet_def_n_proc": "1"}
    command = [
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        "-m",
        "nnunetv2_muduo.cli.torchrun",
    ]
    finished = subprocess.run(
        [sys.executable, "-m", *command, DATASET, "3d_fullres", "0", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout


def test_two_processes_train_and_continue(prepared_dataset):
    folder = prepared_dataset / "res" / DATASET / MODEL
    output = torchrun()
    assert "Labeled 4 / unlabeled 4 / validation 1 cases; batch 1 labeled + 1 unlabeled patches." in output
    checkpoint = torch.load(folder / "checkpoint_final.pth", weights_only=False)
    assert checkpoint["current_epoch"] == 2
    assert not any(name.startswith("module.") for name in checkpoint["network_weights"])
    assert len(checkpoint["logging"]["consistency_losses"]) == 2
    assert "foreground_mean" in json.loads((folder / "validation" / "summary.json").read_text())
    output = torchrun("--c")
    assert f"Continuing from {folder / 'checkpoint_final.pth'}" in output
