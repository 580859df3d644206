"""nnUNetv2_train or `muduo prepare` with a seed, which neither takes: python -m ... SEED train|prepare, then their arguments.

Both compute in the device's fast precision. The first networks of self-training, which `muduo prepare` makes, are so of the row's
seed and precision; a training that makes them itself does so in a process that nobody seeds.
"""

import random
import sys

import numpy as np
import torch
from nnunetv2.run.run_training import run_training_entry

from benchmarks.precision import fast_dtype
from nnunetv2_muduo.cli import main as run_command
from nnunetv2_muduo.trainers.fault_tolerant import FaultTolerantTrainer


def main() -> int:
    """Seed everything, then run the command's own entry."""
    seed, what = int(sys.argv.pop(1)), sys.argv[1]
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what nnU-Net draws from
    torch.manual_seed(seed)
    FaultTolerantTrainer.autocast_dtype = fast_dtype(torch.device(sys.argv[sys.argv.index("-device") + 1]))
    if what == "prepare":
        return run_command(sys.argv[1:])
    del sys.argv[1]
    run_training_entry()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
