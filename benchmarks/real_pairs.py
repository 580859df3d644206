"""MuDuo and its rivals on real PET/CT: 41 soft-tissue sarcomas, five with labels, the tumor as the one organ.

    python -m benchmarks.real_pairs STS WORK [--minutes 20] [--splits 0 1 2] [--processes 2]

STS holds `PATIENT/{CTres,SUV,SEG}.nii.gz`, as `real_pet_prompting` takes them. Three splits test every patient once. In each,
patients of three groups never mix: ten train the PET teacher, clicks and masks on real PET from the package's teacher on; a third
of all tests; among the others five have labels. The CT teacher is the package's, which has seen no tumor and no real CT. One row
answers what the teacher's ten labels reach without a teacher: supervised training with them. WORK keeps teachers and models, and
benchmarks/results/real_pairs every row that is done; the command goes on where it stopped.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors are slower on several threads; before torch is imported

import argparse
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import real_pet_prompting
from benchmarks.study import tables
from benchmarks.study.patients import Group, draw_members
from benchmarks.study.report import as_markdown, in_order
from benchmarks.study.rows import BY_NAME, MAP_AS_LABEL, MEAN_TEACHER, MUDUO, SELF_TRAINING, SUPERVISED, Row
from benchmarks.study.runner import Runner
from benchmarks.study.study_size import StudySize
from nnunetv2_muduo.parallel import n_cores
from nnunetv2_muduo.storage import file_digest, read_json, replacing, write_json, write_text
from nnunetv2_muduo.teacher_training.checkpoints import BEST

RESULTS = Path(__file__).parent / "results" / "real_pairs"
N_SPLITS, SEED, N_OF_TEACHER, N_LABELED, N_VAL = 3, 0, 10, 5, 1
SIZE = StudySize(spacing_mm=real_pet_prompting.SPACING_MM)
FILES = ("CTres.nii.gz", "SUV.nii.gz", "SEG.nii.gz")
WITH_TEACHERS_LABELS = replace(
    SUPERVISED, name="with_teachers_labels", title=f"supervised, and the PET teacher's {N_OF_TEACHER} labels"
)

NOTES = """\
Images as they are, voxels of 6 mm within the trainings, at which the PET teacher learned; the CT teacher, which knows synthetic
CT of 10 to 12 mm voxels, answers worse there. Rows go on from one supervised network of as many iterations, as in the
study. Spread over the splits, which differ in everything: labeled, unlabeled and tested patients, and the PET teacher. p over
cases: Wilcoxon signed rank, corrected by Holm over the rows."""


@dataclass(frozen=True)
class Patients:
    """Folders of a split's patients: those of the PET teacher, of the students, and of the test."""

    of_teacher: list[Path]
    of_students: list[Path]
    tested: list[Path]


def main() -> int:
    args = parse_arguments()
    studies = copied(args.data, args.work / "patients")
    any_failed = False
    for number in args.splits:
        any_failed |= run_split(number, split_patients(studies, number), args)
        print(write_summary(args.out), flush=True)
    return int(any_failed)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="STS")
    parser.add_argument("work", type=Path, metavar="WORK", help="teachers, data sets and models")
    parser.add_argument("--minutes", type=float, default=20, help="for each PET teacher (default: %(default)s)")
    parser.add_argument("--splits", type=int, nargs="+", default=list(range(N_SPLITS)), choices=range(N_SPLITS))
    parser.add_argument("--processes", type=int, default=n_cores(), help="rows at a time (default: one per CPU core)")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS, metavar="RESULTS", help="(default: %(default)s)")
    return parser.parse_args()


def copied(data: Path, folder: Path) -> list[Path]:
    """Folders of the patients' files in the layout of the study, beside the names of what is labeled."""
    patients = sorted(path for path in data.iterdir() if (path / "SUV.nii.gz").is_file())
    studies = [folder / data.name / patient.name for patient in patients]
    for patient, study in zip(patients, studies, strict=True):
        study.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copyfile(patient / name, study / name)
    write_json({"background": 0, "tumor": 1}, folder / "labels.json")
    return studies


def split_patients(studies: list[Path], number: int) -> Patients:
    """Patients in a drawn order, of which every split tests another third."""
    drawn = [studies[i] for i in np.random.default_rng(SEED).permutation(len(studies))]
    tested = drawn[number::N_SPLITS]
    others = [study for study in drawn if study not in tested]
    return Patients(others[:N_OF_TEACHER], others[N_OF_TEACHER:], tested)


def pet_teacher(studies: list[Path], work: Path, minutes: float) -> Path:
    """PET teacher of a split, trained where it is not there; its name tells what is in it."""
    if made := sorted(work.glob("pet_teacher_*.pth")):
        return made[0]
    real_pet_prompting.train(studies, work / "training", work / "cache", minutes)
    best = work / "training" / BEST
    with replacing(work / f"pet_teacher_{file_digest(best)[:12]}.pth") as part:
        shutil.copyfile(best, part)
    return pet_teacher(studies, work, minutes)


def rows(pet_teacher: Path) -> tuple[Row, ...]:
    """Supervised training, the main rivals, and MuDuo with both teachers and with the PET teacher alone."""
    teacher = {"pet_teacher": str(pet_teacher.resolve())}
    own = (replace(row, overrides=teacher, observed=False) for row in (MUDUO, BY_NAME["pet_teacher"]))
    return (SUPERVISED, MEAN_TEACHER, SELF_TRAINING, MAP_AS_LABEL, *own)


def runner(name: str, studies: list[Path], n_tested: int, args: argparse.Namespace) -> Runner:
    """Runs rows; the tested patients stand last, before them the validation's."""
    group = Group(name, N_VAL, n_tested)
    return Runner((args.work / name).resolve(), args.out, group, SIZE, studies, "cpu", args.processes, float("inf"))


def run_split(number: int, patients: Patients, args: argparse.Namespace) -> bool:
    """Run a split's rows that are not done; true where one failed."""
    teacher = pet_teacher(patients.of_teacher, args.work / f"teacher_{number}", args.minutes)
    own = runner(f"split_{number}", patients.of_students + patients.tested, len(patients.tested), args)
    failed = own.run_all(rows(teacher), [N_LABELED], [number])
    kinds = draw_members(own.studies, own.group, N_LABELED, number)
    all_labels = [*kinds["train"].values(), *patients.of_teacher, *kinds["val"].values(), *patients.tested]
    more = runner(f"split_{number}_with_teachers_labels", all_labels, len(patients.tested), args)
    return more.run_all([WITH_TEACHERS_LABELS], [N_LABELED + N_OF_TEACHER], [number]) or failed


def write_summary(out: Path) -> str:
    """summary.md of all rows that are done; returns it."""
    done = in_order([in_one_setting(read_json(file)) for file in sorted(out.glob("split_*/*_labels/*.json"))])
    if not done:
        return "No row is done yet."
    parts = {
        "results": tables.results_table(done, N_LABELED),
        "MuDuo minus each row (Dice, points)": tables.differences_table(done, N_LABELED, MUDUO.name),
    }
    n_splits = len({result["seed"] for result in done})
    n_cases = len({case for result in done for case in result["cases"]})
    title = f"# {n_cases} real PET/CT pairs of {n_splits} splits, {N_LABELED} labels: the tumor"
    text = (
        "\n\n".join(
            [title, *(f"## {name}\n\n{as_markdown(table)}" for name, table in parts.items() if len(table)), NOTES]
        )
        + "\n"
    )
    write_text(text, out / "summary.md")
    return text


def in_one_setting(result: dict) -> dict:
    """A result of a split beside all others: each tested patient has one name in all rows, and no other split's."""
    in_order_of_test = [result["cases"][case] for case in sorted(result["cases"])]
    cases = {f"split {result['seed']}, patient {i}": organs for i, organs in enumerate(in_order_of_test)}
    return {**result, "cases": cases, "labels": N_LABELED}


if __name__ == "__main__":
    raise SystemExit(main())
