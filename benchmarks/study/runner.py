"""Processes of the study: one for each experiment that is not finished yet."""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.study.datasets import make_dataset
from benchmarks.study.experiments import PET_ONLY, Experiment
from benchmarks.study.split import Split
from nnunetv2_muduo.parallel import n_cores


class Runner:
    """Runs experiments that have no table yet, until a deadline (of `time.monotonic`); true where one failed."""

    def __init__(self, args: argparse.Namespace, cohort: Path, deadline: float | None):
        self.args, self.cohort, self.deadline = args, cohort, deadline

    def first(self, split: Split) -> bool:
        """The split's data set and prompt generator, which all of its experiments need."""
        if self._nothing_to_start(split, PET_ONLY):
            return False
        try:
            make_dataset(split, self.cohort)
        except subprocess.CalledProcessError as error:
            print(f"{split}: FAILED, {error}", flush=True)
            return True
        return self(split, PET_ONLY)

    def __call__(self, split: Split, experiment: Experiment) -> bool:
        if self._nothing_to_start(split, experiment):
            return False
        log = split.folder / "logs" / f"{split.result_file(experiment.name).stem}.txt"
        log.parent.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.study.run_experiment", self._arguments(split, experiment)]
        started = time.monotonic()
        with log.open("w", encoding="utf-8") as file:
            finished = subprocess.run(command, env=self._environment(split), stdout=file, stderr=subprocess.STDOUT)
        failed = finished.returncode != 0
        state = f"FAILED, see {log}" if failed else f"{time.monotonic() - started:.0f} s"
        print(f"{split}, {experiment.title}: {state}", flush=True)
        return failed

    def _nothing_to_start(self, split: Split, experiment: Experiment) -> bool:
        """The experiment is done, or the time is up."""
        is_late = self.deadline is not None and time.monotonic() > self.deadline
        return is_late or split.result_file(experiment.name).is_file()

    def _arguments(self, split: Split, experiment: Experiment) -> str:
        arguments = {
            "folder": str(split.folder),
            "size": asdict(split.size),
            "n_labeled": split.n_labeled,
            "seed": split.seed,
            "experiment": experiment.name,
            "device": self.args.device,
            "cohort": str(self.cohort),
        }
        return json.dumps(arguments)

    def _environment(self, split: Split) -> dict[str, str]:
        """On the CPU each process gets its share of the cores, and no workers: small patches, no augmentation."""
        environment = split.environment()
        if self.args.device == "cpu":
            n_threads = max(1, n_cores() // self.args.processes)
            environment |= {"OMP_NUM_THREADS": str(n_threads), "nnUNet_n_proc_DA": "0"}
        return environment
