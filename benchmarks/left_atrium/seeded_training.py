"""nnUNetv2_train with a seed, which nnU-Net's command does not take: python -m ... SEED, then what follows nnUNetv2_train."""

import random
import sys

import numpy as np
import torch
from nnunetv2.run.run_training import run_training_entry

from benchmarks.precision import fast_dtype
from nnunetv2_muduo.trainers.fault_tolerant import FaultTolerantTrainer


def main() -> None:
    """Seed everything, then run nnU-Net's own entry in this CPU's fast precision."""
    seed = int(sys.argv.pop(1))
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what nnU-Net draws from
    torch.manual_seed(seed)
    FaultTolerantTrainer.autocast_dtype = fast_dtype(torch.device("cpu"))
    run_training_entry()


if __name__ == "__main__":
    main()
