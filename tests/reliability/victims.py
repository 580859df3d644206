"""A process that has imported everything, and forks one that works for each line on its standard input.

A line is JSON: `work` ("prepare" or "train"), `environment`, and `dies_writing`, the number of the file in the midst of which
the worker kills itself, or null. For each line it prints the worker's process ID and, when that has ended, how: minus the
number of the signal, or the exit code. (Importing nnU-Net takes seconds; forking does not.)
"""

import itertools
import json
import os
import random
import signal
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # for support.py

from nnunetv2.run.run_training import maybe_load_checkpoint
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from support import make_trainer, prepare_tiny

from nnunetv2_muduo.storage import PART
from nnunetv2_muduo.trainers import pictures
from nnunetv2_muduo.trainers.fault_tolerant import FaultTolerantTrainer


def make_quick() -> None:
    """A checkpoint every epoch; no pictures, which take longer than a tiny training."""
    initialize = FaultTolerantTrainer.initialize

    def quick(self):
        initialize(self)
        self.save_every = 1
        self.plot_network_architecture = lambda: None
        self.logger.plot_progress_png = lambda folder: None

    FaultTolerantTrainer.initialize = quick
    pictures.draw_curves = lambda trainer, epoch: None


def train() -> None:
    """As `nnUNetv2_train ... --c` does it."""
    trainer = make_trainer(continue_training=True)
    maybe_load_checkpoint(trainer, continue_training=True, validation_only=False)
    trainer.run_training()


def die_while_writing(nth: int) -> None:
    """Kill this process when it has written half of its nth file: no other one has to find the moment."""
    numbers, replace = itertools.count(1), Path.replace

    def replace_or_die(self, target):
        if self.suffix == PART and next(numbers) == nth:
            os.truncate(self, self.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, target)

    Path.replace = replace_or_die


def work(request: dict) -> None:
    os.environ.update(request["environment"])
    with open(request["log"], "a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if request["dies_writing"]:
        die_while_writing(request["dies_writing"])
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    {"prepare": prepare_tiny, "train": train}[request["work"]]()


def main() -> None:
    torch.set_num_threads(1)
    make_quick()
    with redirect_stdout(sys.stderr):
        recursive_find_trainer_class_by_name("nnUNetTrainerMuDuo")  # imports every trainer of nnU-Net
    for line in sys.stdin:
        worker = os.fork()
        if worker == 0:
            try:
                work(json.loads(line))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(worker, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
