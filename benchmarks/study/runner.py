"""Processes of the study: one for each row that is not done."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from benchmarks.study import results
from benchmarks.study.patients import Group
from benchmarks.study.rows import OF_TEACHERS, Row
from benchmarks.study.split import Split
from benchmarks.study.study_size import StudySize
from nnunetv2_muduo.parallel import n_cores


@dataclass(frozen=True)
class Runner:
    """Runs rows of a group that are not done, until a deadline (of `time.monotonic`)."""

    folder: Path
    out: Path
    group: Group
    size: StudySize
    studies: list[Path]
    """Of the group's patients, in the drawn order; no other's are ever opened, but the teachers' by a row that says so."""
    device: str
    n_processes: int
    deadline: float
    studies_of_teachers: tuple[Path, ...] = ()
    """Of the teachers' patients, for the row that starts with these."""

    def run_all(self, rows: Sequence[Row], labeled: Sequence[int], seeds: Sequence[int]) -> bool:
        """Run what is not done, row by row, several at a time; true where something failed, which stops nothing else."""
        with ThreadPoolExecutor(self.n_processes) as pool:
            return any(list(pool.map(lambda job: self.run(*job), product(rows, labeled, seeds))))

    def run(self, row: Row, n_labeled: int, seed: int) -> bool:
        """Run a row, unless it is done or the time is up; true where it failed."""
        result = results.result_file(self.out, self.group, n_labeled, seed, row)
        if results.is_done(result, self.group, self.size, row):
            return False
        if time.monotonic() > self.deadline:
            return False
        split = self.split_of(row, n_labeled, seed)
        log = split.own_folder / "logs" / f"{row.name}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        arguments = {
            "folder": str(split.folder), "group": asdict(self.group), "size": asdict(self.size), "row": asdict(row),
            "n_labeled": split.n_labeled, "labels": n_labeled, "seed": seed, "device": self.device,
            "studies": [str(study) for study in self.studies],
            "studies_of_teachers": [str(study) for study in self.studies_of_teachers if row.start == OF_TEACHERS],
            "result": str(result.resolve()),
        }  # fmt: skip
        command = [sys.executable, "-m", "benchmarks.study.run_row", json.dumps(arguments)]
        began = time.monotonic()
        with log.open("w", encoding="utf-8") as file:
            finished = subprocess.run(command, env=self.environment(split), stdout=file, stderr=subprocess.STDOUT)
        failed = finished.returncode != 0
        state = f"FAILED, see {log}" if failed else f"{time.monotonic() - began:.0f} s"
        print(f"{n_labeled:2d} labels, seed {seed}, {row.title}: {state}", flush=True)
        return failed

    def split_of(self, row: Row, n_labeled: int, seed: int) -> Split:
        """The data set of a row: with the labels of all cases for the upper bound, which is the same for every number."""
        n_train = len(self.studies) - self.group.n_val - self.group.n_test
        return Split(self.folder, self.group, self.size, n_train if row.all_labels else n_labeled, seed)

    def environment(self, split: Split) -> dict[str, str]:
        """On the CPU each process gets its share of the cores, and no workers: small patches, little augmentation."""
        environment = split.environment()
        if self.device == "cpu":
            n_threads = max(1, n_cores() // self.n_processes)
            environment |= {"OMP_NUM_THREADS": str(n_threads), "nnUNet_n_proc_DA": "0"}
        return environment
