"""What the study's two commands share: arguments, patients' images, and the way from one to the other."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import benchmarks.study as package
from benchmarks.small_teachers.label_cohorts import STUDY_SEED
from benchmarks.study import results
from benchmarks.study.patients import TEACHERS, Group, label_maps_by_group
from benchmarks.study.report import write_report
from benchmarks.study.rows import OF_TEACHERS, Row
from benchmarks.study.runner import Runner
from benchmarks.study.study_size import LARGE, SMALL, StudySize
from nnunetv2_muduo.parallel import n_cores
from nnunetv2_muduo.phantom.label_cohort import write_cohort_from_labels
from nnunetv2_muduo.phantom.label_files import find_organ_values
from nnunetv2_muduo.phantom.population import MAPPED_ADULTS


def parser(labeled: list[int], seeds: list[int]) -> argparse.ArgumentParser:
    """Arguments of both commands, with their default numbers of labels and seeds."""
    parser = argparse.ArgumentParser(description=package.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder to work in; a later call goes on there")
    parser.add_argument("label_maps", type=Path, help="organ label maps to make the images from")
    parser.add_argument("--labeled", type=int, nargs="+", default=labeled, help="numbers of labeled cases")
    parser.add_argument("--seeds", type=int, nargs="+", default=seeds, choices=range(10), metavar="0..9")
    parser.add_argument("--large", action="store_true", help="128^3 patches at 3 mm, public teachers, on a GPU")
    parser.add_argument("--processes", type=int, help="rows at a time (default: one per CPU core; --large: one)")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no new row after this time")
    parser.add_argument("--out", type=Path, default=results.RESULTS, help="rows that are done, and their tables")
    return parser


def run(args: argparse.Namespace, group: Group, rows: Sequence[Row]) -> bool:
    """Run what is not done of a group, and report all that is; true where something failed."""
    deadline, size = time.monotonic() + 60 * args.minutes, LARGE if args.large else SMALL
    n_processes = args.processes or (1 if args.large else n_cores())
    folder = args.folder.resolve() / group.name
    out = args.out.with_name(f"{args.out.name}_large") if args.large else args.out  # each size has its own
    studies = make_studies(args.label_maps, group, folder / "studies", size, n_processes)
    of_teachers: tuple[Path, ...] = ()
    if any(row.start == OF_TEACHERS for row in rows):
        of_teachers = tuple(make_studies(args.label_maps, TEACHERS, folder / "of_teachers", size, n_processes))
    device = "cuda" if args.large else "cpu"
    runner = Runner(folder, out, group, size, studies, device, n_processes, deadline, of_teachers)
    any_failed = runner.run_all(rows, args.labeled, args.seeds)
    print(write_report(out, group, describe(group, size, studies), rows) or "No row is done yet.")
    return any_failed


def make_studies(label_maps: Path, group: Group, folder: Path, size: StudySize, n_processes: int) -> list[Path]:
    """PET/CT of a group's patients alone, in the drawn order; what is there is kept."""
    files = label_maps_by_group(label_maps)[group.name]
    values = find_organ_values(files)
    return write_cohort_from_labels(files, folder, values, STUDY_SEED, size.spacing_mm, n_processes, MAPPED_ADULTS)


def describe(group: Group, size: StudySize, studies: list[Path]) -> str:
    """How the figures came about."""
    n_train = len(studies) - group.n_val - group.n_test
    n_shared, n_own = (n * size.n_iterations_per_epoch for n in (size.n_shared_epochs, size.n_epochs))
    way = (
        f"Rows go on for {n_own} iterations of 2 (+ 2) patches from a supervised network of {n_shared} iterations on the same "
        "labels, but for those from scratch, which have as many in all."
    )
    return (
        f"{len(studies)} patients, real anatomy, synthesized PET/CT at {size.spacing_mm:g} mm: {group.n_test} test cases, the "
        f"same for all, and {n_train} for training, all but the labeled ones without labels. Student: nnU-Net's network with "
        f"{size.n_features} features in its first stage, patches of {size.image_size} voxels, {size.optimizer}, "
        f"augmentation: {size.augmentation}. {way if n_shared else f'Rows have {n_own} iterations of 2 (+ 2) patches.'} "
        f"Teachers: {size.teacher}. Final checkpoints."
    )
