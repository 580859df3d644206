"""The former name of `nnunetv2_muduo.cli.torchrun`."""

import subprocess
import sys


def test_the_former_name_starts_the_same_with_a_warning():
    command = [sys.executable, "-m", "nnunetv2_muduo.trainers.torchrun", "--help"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "dataset configuration fold" in finished.stdout
    assert "-m nnunetv2_muduo.cli.torchrun" in finished.stderr
