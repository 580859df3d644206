"""What unlabeled cases and two teachers are worth: MuDuo against supervised training and its own variants, few labels.

    python -m benchmarks.study.label_efficiency FOLDER --label-maps DIR

Real anatomy (a folder of organ label maps, as AutoPET III's) becomes a PET/CT cohort; of each number of labels and seed a
data set, on which every row trains the same student for as many iterations, with nnU-Net's own commands' code. A call goes
on where the last one stopped: FOLDER/measures holds a table per finished row. `--large` takes a GPU and the public teachers.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import product
from pathlib import Path

from benchmarks.small_teachers.label_cohorts import STUDY_SEED, split_patients
from benchmarks.study import report
from benchmarks.study.datasets import make_dataset, studies
from benchmarks.study.rows import CHOICES, PET_ONLY, STUDY, Row
from benchmarks.study.scale import LARGE, SMALL, Scale, Setting
from nnunetv2_muduo.phantom.label_cohort import write_cohort_from_labels
from nnunetv2_muduo.phantom.label_files import read_labels
from nnunetv2_muduo.phantom.population import MAPPED_ADULTS

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    args = parse_arguments()
    scale = LARGE if args.large else SMALL
    claim(args.folder, scale)
    cohort = make_cohort(args, scale.spacing_mm)
    settings = [Setting(args.folder.resolve(), scale, n, seed) for n, seed in product(args.labeled, args.seeds)]
    rows = CHOICES if args.choices else STUDY
    run = Runner(args, cohort, deadline=time.monotonic() + 60 * args.minutes if args.minutes else None)
    with ThreadPoolExecutor(args.processes) as pool:
        failed = [*pool.map(run.first, settings)]
        begun = [setting for setting, first_failed in zip(settings, failed, strict=True) if not first_failed]
        jobs = [(setting, row) for row in rows for setting in begun if row != PET_ONLY]
        failed += [*pool.map(lambda job: run(*job), jobs)]
    if not any(setting.result_file(row.name).is_file() for setting, row in product(settings, rows)):
        raise SystemExit(f"No row is finished, there is nothing to report yet. Logs: {args.folder / 'logs'}")
    heading = f"# Label efficiency\n\n{describe(args, scale, cohort)}"
    out = args.out or RESULTS / ("choices" if args.choices else "label_efficiency")
    print(report.write(settings, rows, out, heading))
    return int(any(failed))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder to work in; a later call goes on there")
    parser.add_argument("--label-maps", type=Path, help="organ label maps to make the cohort from")
    parser.add_argument("--labeled", type=int, nargs="+", default=[5, 10, 20], help="numbers of labeled cases")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], choices=range(10), metavar="0..9")
    parser.add_argument("--choices", action="store_true", help="compare the choices behind the defaults instead")
    parser.add_argument("--large", action="store_true", help="128^3 patches at 3 mm, public teachers, on a GPU")
    parser.add_argument("--device", help="default: cpu, with --large cuda")
    parser.add_argument("--processes", type=int, help="rows at a time (default: one per CPU core, with --large one)")
    parser.add_argument("--minutes", type=float, help="start no new row after this time")
    parser.add_argument("--out", type=Path, help="default: label_efficiency or choices in benchmarks/results")
    args = parser.parse_args()
    args.device = args.device or ("cuda" if args.large else "cpu")
    args.processes = args.processes or (1 if args.large else os.cpu_count())
    return args


def claim(folder: Path, scale: Scale) -> None:
    """The folder for this scale alone: finished rows of another one would be taken for its own."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "scale.json"
    if file.is_file() and json.loads(file.read_text()) != asdict(scale):
        raise SystemExit(f"{folder} holds a study of another size, see {file}. Name another folder.")
    file.write_text(json.dumps(asdict(scale), indent=4))


class Runner:
    """Starts a row's process, unless its table is there; true where it failed."""

    def __init__(self, args: argparse.Namespace, cohort: Path, deadline: float | None):
        self.args, self.cohort, self.deadline = args, cohort, deadline

    def first(self, setting: Setting) -> bool:
        """The setting's data set and prompt generator, which all of its rows need."""
        if not self._is_late(setting, PET_ONLY):
            try:
                make_dataset(setting, self.cohort)
            except subprocess.CalledProcessError as error:
                print(f"{setting.n_labeled:2d} labels, seed {setting.seed}: FAILED, {error}", flush=True)
                return True
        return self(setting, PET_ONLY)

    def __call__(self, setting: Setting, row: Row) -> bool:
        if self._is_late(setting, row):
            return False
        arguments = {
            "folder": str(setting.folder),
            "scale": asdict(setting.scale),
            "n_labeled": setting.n_labeled,
            "seed": setting.seed,
            "row": row.name,
            "device": self.args.device,
            "cohort": str(self.cohort),
        }
        environment = setting.environment()
        if self.args.device == "cpu":  # each process its cores, and small patches without augmentation no workers
            n_threads = max(1, os.cpu_count() // self.args.processes)
            environment |= {"OMP_NUM_THREADS": str(n_threads), "nnUNet_n_proc_DA": "0"}
        log = setting.folder / "logs" / f"{setting.result_file(row.name).stem}.txt"
        log.parent.mkdir(exist_ok=True)
        started = time.monotonic()
        with log.open("w", encoding="utf-8") as file:
            command = [sys.executable, "-m", "benchmarks.study.run", json.dumps(arguments)]
            failed = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT).returncode != 0
        state = f"FAILED, see {log}" if failed else f"{time.monotonic() - started:.0f} s"
        print(f"{setting.n_labeled:2d} labels, seed {setting.seed}, {row.title}: {state}", flush=True)
        return failed

    def _is_late(self, setting: Setting, row: Row) -> bool:
        """Nothing to start: the row is done, or the time is up."""
        return setting.result_file(row.name).is_file() or (self.deadline and time.monotonic() > self.deadline)


def make_cohort(args: argparse.Namespace, spacing_mm: float) -> Path:
    """PET/CT of the study's patients; the small teachers learned on others."""
    cohort = args.folder / "cohort"
    if args.label_maps:
        _, files = split_patients(args.label_maps)
        write_cohort_from_labels(
            files, cohort, read_labels(files), STUDY_SEED, spacing_mm, args.processes, MAPPED_ADULTS
        )
    if not studies(cohort):
        raise SystemExit(f"{cohort} holds no study. Name the label maps to make it from: --label-maps DIR")
    return cohort.resolve()


def describe(args: argparse.Namespace, scale: Scale, cohort: Path) -> str:
    """How the figures came about."""
    return (
        f"{scale.n_train + scale.n_val + scale.n_test} of {len(studies(cohort))} patients, real anatomy, synthesized PET/CT at "
        f"{scale.spacing_mm:g} mm; {scale.n_test} test cases, the same for all; {scale.n_train} for training, all but the "
        f"labeled ones without labels. Student: "
        f"nnU-Net's network with {scale.n_features} features in its first stage, patches of {scale.image_size} voxels, "
        f"{scale.optimizer}, augmentation: {scale.augmentation}, "
        f"{(scale.n_shared_epochs + scale.n_epochs) * scale.n_iterations_per_epoch} iterations of 2 (+ 2) patches, of which "
        f"the first {scale.n_shared_epochs * scale.n_iterations_per_epoch}, supervised, are shared by all rows with both "
        f"channels; teachers: {scale.teacher}.\n\n"
        f"Command: `python -m benchmarks.study.label_efficiency FOLDER --label-maps DIR --labeled {_words(args.labeled)} "
        f"--seeds {_words(args.seeds)}{' --choices' * args.choices}{' --large' * args.large}`"
    )


def _words(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


if __name__ == "__main__":
    sys.exit(main())
