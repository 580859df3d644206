"""Training of the package's own small teachers, which are written, with their model card, into the package.

    python -m benchmarks.small_teachers.train_small_teachers --minutes 40 -o OUT [--cohort FOLDER ...] [--modality ct]

A training is a stage: it goes on from the package's teachers, or begins `--from-scratch`, and its result, which is never
worse on the patients that choose, takes their place, in the package or in `--into`. A stage that was stopped goes on where the
same command finds its last checkpoint in OUT. Without `--cohort` the teachers learn from phantoms alone, made here: other
patients than those of the demo, and scanners of a wider range around the demo's. Each `--cohort` adds labeled PET/CT in
AutoPET's or nnU-Net's layout. `--minutes` is the time for each teacher, whatever the machine makes of it, on one thread: with
`--modality` two can be trained side by side, once the phantoms are there (`--minutes 0`). `evaluate` measures what came out.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors are slower on several threads; before torch is imported

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

import nnunetv2_muduo.teachers as teachers
from benchmarks.small_teachers.deepening import deepened
from benchmarks.small_teachers.lesion_maps import LESION
from benchmarks.small_teachers.model_card import write_card
from benchmarks.small_teachers.timed_training import TimedTraining
from benchmarks.small_teachers.young_students import train_students
from nnunetv2_muduo.phantom.cohort import write_cohort
from nnunetv2_muduo.phantom.population import Population
from nnunetv2_muduo.teacher_training.checkpoints import BEST, LAST
from nnunetv2_muduo.teacher_training.data import hold_out, load_volumes
from nnunetv2_muduo.teacher_training.report import FIGURES
from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teacher_training.volumes import Volume
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.teachers.small import SMALL_CONFIG, untrained_teacher
from nnunetv2_muduo.teachers.weights import load_teacher, save_teacher

TARGET = Path(teachers.__file__).parent / "small"
N_PHANTOMS, PHANTOM_SEED, PHANTOM_SPACING_MM = 120, 7000, 8.0
MANY_SCANNERS = Population(
    contrast_fraction=0.5,
    ct_noise_hu=(4.0, 26.0),
    ct_fwhm_mm=(2.0, 7.0),
    pet_noise=(0.03, 0.22),
    pet_fwhm_mm=(4.0, 9.0),
    uptake_variation=1.3,
    breathing_fraction=0.5,
)
SETTINGS = TrainingSettings(
    modality="ct",
    spacing_mm=(10.0, 12.0),
    batch_size=4,
    crops_at_once=4,
    max_organs=3,
    n_rounds=4,
    keep_clicks=True,
    first_points=3,
    max_clicks=3,
    robots=("random", "center", "border"),
    absent_fraction=0.05,
    student_like_prompts=True,
    randomize=True,
    organ_head=True,
    lr=1e-3,
    decoder_lr=1e-3,
    weight_decay=0.01,
    validate_every=1000,
)
VAL_FRACTION = 0.15


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    write_cohort(args.out / "phantoms", args.phantoms, PHANTOM_SEED, PHANTOM_SPACING_MM, 1, MANY_SCANNERS)
    for modality in args.modality if args.minutes else ():
        stage = train(modality, [str(args.out / "phantoms"), *args.cohort], args)
        install(modality, args.out / modality, [*stages_before(args, modality), stage], args.into)
        write_card(args.into)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", nargs="*", default=[], help="more labeled PET/CT to learn from")
    parser.add_argument("--phantoms", type=int, default=N_PHANTOMS, help="studies to make (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--modality", choices=("ct", "pet"), nargs="+", default=["ct", "pet"])
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--init",
        type=Path,
        metavar="FOLDER",
        default=TARGET,
        help="begin with its {ct,pet}.safetensors (default: ours)",
    )
    start.add_argument("--from-scratch", action="store_true", help="begin with random weights")
    parser.add_argument(
        "--depth",
        type=int,
        default=SMALL_CONFIG.depth,
        help="blocks of the image encoder; more than before begin with nothing to say (default: %(default)s)",
    )
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", default=TARGET, help="where the teachers go (default: the package)"
    )
    parser.add_argument("--lr", type=float, default=SETTINGS.lr, help="of all parts (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=SETTINGS.n_rounds, help="prompts per organ (default: %(default)s)"
    )
    parser.add_argument(
        "--students",
        type=int,
        nargs="+",
        default=[400, 1000],
        metavar="N",
        help="iterations of the young students (default: %(default)s)",
    )
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser.parse_args()


def train(modality: str, data: list[str], args: argparse.Namespace) -> str:
    """Train one teacher in OUT/modality for the minutes that are given; returns what was done, for the card."""
    settings = replace(SETTINGS, modality=modality, lr=args.lr, decoder_lr=args.lr, n_rounds=args.rounds)
    folder = args.out / modality
    volumes = asked_volumes(data, modality, args.out / "cache")
    train_volumes, held_out, reported = three_groups(volumes, settings.seed)
    folder.mkdir(parents=True, exist_ok=True)
    n_cases = f"{len(train_volumes)} cases to learn from, {len(held_out)} to choose the best moment on"
    print(f"{modality}: {n_cases}, {len(reported)} kept for `benchmarks.small_teachers.evaluate`", flush=True)
    teacher = first_teacher(args, modality, settings.seed)
    students = train_students(train_volumes, args.students, modality, teacher.image_size, settings.seed)
    training = TimedTraining(
        args.minutes, students, teacher, settings, train_volumes, held_out, folder, goes_on=not args.from_scratch
    )
    if (folder / LAST).is_file():
        training.resume()
    training.run()
    (folder / LAST).unlink()  # the next stage is another training
    return stage_of(args, training.iteration, volumes)


def first_teacher(args: argparse.Namespace, modality: str, seed: int) -> Sam3DTeacher:
    """What a stage begins with: random weights, or those of the stage before, in an encoder that may be deeper."""
    if args.from_scratch:
        return deepened(untrained_teacher(SMALL_CONFIG, seed), args.depth, seed)
    return deepened(load_teacher(args.init / f"{modality}.safetensors").float(), args.depth, seed)


def stage_of(args: argparse.Namespace, n_iterations: int, volumes: list[Volume]) -> str:
    """What was done, for the card."""
    n_patients = len({volume.patient for volume in volumes})
    cohorts, students = " ".join(Path(cohort).name for cohort in args.cohort), " ".join(map(str, args.students))
    return (
        f"{args.minutes:g} minutes on one CPU thread, {n_iterations} iterations, {len(volumes)} cases of {n_patients} patients "
        f"({args.phantoms} phantoms, --cohort {cohorts}), --students {students} --rounds {args.rounds} --lr {args.lr:g} "
        f"--depth {args.depth}, with up to {SETTINGS.max_clicks} clicks at once, absent organs and --randomize"
    )


def asked_volumes(
    data: list[str], modality: str, cache: Path, spacing_mm: tuple[float, float] = SETTINGS.spacing_mm
) -> list[Volume]:
    """Volumes of the data with what a teacher of the modality is asked about: CT doesn't show lesions."""
    volumes = load_volumes(data, modality, spacing_mm, cache, SETTINGS.seed)
    return without_lesions(volumes) if modality == "ct" else volumes


def without_lesions(volumes: list[Volume]) -> list[Volume]:
    """Volumes in which nobody asks for lesions."""
    return [
        replace(
            volume,
            organs={label: name for label, name in volume.organs.items() if name != LESION},
            centers={label: center for label, center in volume.centers.items() if volume.organs[label] != LESION},
        )
        for volume in volumes
    ]


def three_groups(volumes: list[Volume], seed: int) -> tuple[list[Volume], list[Volume], list[Volume]]:
    """Volumes to learn from, to choose the best moment on, and to report on, without a patient in common."""
    train_volumes, others = hold_out(volumes, VAL_FRACTION, seed)
    chosen_on, reported = hold_out(others, 0.5, seed)
    return train_volumes, chosen_on, reported


def stages_before(args: argparse.Namespace, modality: str) -> list[str]:
    """Stages of the teacher that a training began with; none where it began at random."""
    if args.from_scratch:
        return []
    figures = args.init / f"{modality}.json"
    unknown = [f"began with {args.init.name}, of unknown training"]
    return json.loads(figures.read_text())["stages"] if figures.is_file() else unknown


def install(modality: str, folder: Path, stages: list[str], target: Path) -> None:
    """Put the best teacher, its figures and what was done into a folder, weights in half precision."""
    target.mkdir(parents=True, exist_ok=True)
    weights = target / f"{modality}.safetensors"
    save_teacher(load_teacher(folder / BEST).half(), weights)
    weights.chmod(0o644)  # safetensors leaves files to their owner alone
    figures = json.loads((folder / FIGURES).read_text())
    decided_by_the_clock = ("n_iterations", "lr_drops")
    settings = {key: value for key, value in figures["settings"].items() if key not in decided_by_the_clock}
    kept = {"stages": stages, "settings": settings, "best": figures["best"]}
    (target / f"{modality}.json").write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
