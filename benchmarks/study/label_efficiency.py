"""Label efficiency study: MuDuo against supervised training and its own variants with few labels.

    python -m benchmarks.study.label_efficiency FOLDER --label-maps DIR

Real anatomy (a folder of organ label maps, as AutoPET III's) becomes a PET/CT cohort; each number of labels and seed makes a
data set of it, on which every experiment trains the same student for as many iterations, with nnU-Net's own commands' code.
A call goes on where the last one stopped: FOLDER/measures holds a table per finished experiment. `--large` takes a GPU and
the public teachers.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import product
from pathlib import Path

from benchmarks.small_teachers.label_cohorts import STUDY_SEED, split_patients
from benchmarks.study import report
from benchmarks.study.datasets import studies
from benchmarks.study.experiments import CHOICES, PET_ONLY, STUDY, Experiment
from benchmarks.study.runner import Runner
from benchmarks.study.split import Split
from benchmarks.study.study_size import LARGE, SMALL, StudySize
from nnunetv2_muduo.parallel import n_cores
from nnunetv2_muduo.phantom.label_cohort import write_cohort_from_labels
from nnunetv2_muduo.phantom.label_files import find_organ_values
from nnunetv2_muduo.phantom.population import MAPPED_ADULTS

RESULTS = Path(__file__).parents[1] / "results"


def main() -> int:
    args = parse_arguments()
    size, experiments = (LARGE if args.large else SMALL), (CHOICES if args.choices else STUDY)
    claim(args.folder, size)
    cohort = make_cohort(args, size.spacing_mm)
    splits = [Split(args.folder.resolve(), size, n, seed) for n, seed in product(args.labeled, args.seeds)]
    any_failed = run_all(args, cohort, splits, experiments)
    if not any(split.result_file(experiment.name).is_file() for split, experiment in product(splits, experiments)):
        raise SystemExit(f"No row is finished, there is nothing to report yet. Logs: {args.folder / 'logs'}")
    heading = f"# Label efficiency\n\n{describe(args, size, cohort)}"
    out = args.out or RESULTS / ("choices" if args.choices else "label_efficiency")
    print(report.write(splits, experiments, out, heading))
    return int(any_failed)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder to work in; a later call goes on there")
    parser.add_argument("--label-maps", type=Path, help="organ label maps to make the cohort from")
    parser.add_argument("--labeled", type=int, nargs="+", default=[5, 10, 20], help="numbers of labeled cases")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], choices=range(10), metavar="0..9")
    parser.add_argument("--choices", action="store_true", help="compare the choices behind the defaults instead")
    parser.add_argument("--large", action="store_true", help="128^3 patches at 3 mm, public teachers, on a GPU")
    parser.add_argument("--device", help="default: cpu, with --large cuda")
    parser.add_argument("--processes", type=int, help="experiments at a time (default: one per CPU core; --large: one)")
    parser.add_argument("--minutes", type=float, help="start no new experiment after this time")
    parser.add_argument("--out", type=Path, help="default: label_efficiency or choices in benchmarks/results")
    args = parser.parse_args()
    args.device = args.device or ("cuda" if args.large else "cpu")
    args.processes = args.processes or (1 if args.large else n_cores())
    return args


def claim(folder: Path, size: StudySize) -> None:
    """The folder for this size alone: finished experiments of another one would be taken for its own.

    Raises:
        SystemExit: a study of another size has been begun there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "scale.json"  # its name in folders that were begun with earlier versions
    if file.is_file() and json.loads(file.read_text()) != asdict(size):
        raise SystemExit(f"{folder} holds a study of another size, see {file}. Name another folder.")
    file.write_text(json.dumps(asdict(size), indent=4))


def make_cohort(args: argparse.Namespace, spacing_mm: float) -> Path:
    """PET/CT of the study's patients; the small teachers learned on others.

    Raises:
        SystemExit: there is no cohort, and nothing to make one from.
    """
    cohort = args.folder / "cohort"
    if args.label_maps:
        _, files = split_patients(args.label_maps)
        write_cohort_from_labels(
            files, cohort, find_organ_values(files), STUDY_SEED, spacing_mm, args.processes, MAPPED_ADULTS
        )
    if not studies(cohort):
        raise SystemExit(f"{cohort} holds no study. Name the label maps to make it from: --label-maps DIR")
    return cohort.resolve()


def run_all(args: argparse.Namespace, cohort: Path, splits: list[Split], experiments: tuple[Experiment, ...]) -> bool:
    """Run what is not finished, several at a time; true where something failed. A split that fails stops no other."""
    run = Runner(args, cohort, deadline=time.monotonic() + 60 * args.minutes if args.minutes else None)
    with ThreadPoolExecutor(args.processes) as pool:
        failed = [*pool.map(run.first, splits)]
        begun = [split for split, first_failed in zip(splits, failed, strict=True) if not first_failed]
        jobs = [(split, experiment) for experiment in experiments if experiment != PET_ONLY for split in begun]
        failed += pool.map(lambda job: run(*job), jobs)
    return any(failed)


def describe(args: argparse.Namespace, size: StudySize, cohort: Path) -> str:
    """How the figures came about."""
    n_iterations = (size.n_shared_epochs + size.n_epochs) * size.n_iterations_per_epoch
    n_shared = size.n_shared_epochs * size.n_iterations_per_epoch
    return (
        f"{size.n_train + size.n_val + size.n_test} of {len(studies(cohort))} patients, real anatomy, synthesized PET/CT at "
        f"{size.spacing_mm:g} mm; {size.n_test} test cases, the same for all; {size.n_train} for training, all but the "
        f"labeled ones without labels. Student: nnU-Net's network with {size.n_features} features in its first stage, patches "
        f"of {size.image_size} voxels, {size.optimizer}, augmentation: {size.augmentation}, {n_iterations} iterations of "
        f"2 (+ 2) patches, of which the first {n_shared}, supervised, are shared by all rows with both channels; "
        f"teachers: {size.teacher}.\n\n"
        f"Command: `python -m benchmarks.study.label_efficiency FOLDER --label-maps DIR --labeled {_words(args.labeled)} "
        f"--seeds {_words(args.seeds)}{' --choices' * args.choices}{' --large' * args.large}`"
    )


def _words(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


if __name__ == "__main__":
    sys.exit(main())
