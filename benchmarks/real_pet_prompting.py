"""A PET teacher trained on real PETs in five folds by patient, click by click, beside thresholds on the same clicks.

    python -m benchmarks.real_pet_prompting STS --minutes 30 --work WORK [--folds 0 1] [--spacing 6] [-o RESULTS]

STS holds `PATIENT/SUV.nii.gz` and `SEG.nii.gz`, one tumor each: the 41 soft-tissue sarcomas of TCIA as prepared by the IBSI.
A fold's teacher begins with the package's PET teacher and learns from the other folds' patients, some of whom choose the best
moment; WORK keeps caches and checkpoints, from which a stopped training goes on. Then each patient of the fold is clicked at:
first at the tumor's deepest voxel, then in the middle of the largest error. Thresholds get the clicks of the trained
teacher's session. RESULTS gets a JSON per fold, and a fold that is there is not run again.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors are slower on several threads; before torch is imported

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.small_teachers.clock_training import ClockTraining
from benchmarks.small_teachers.train_small_teachers import SETTINGS
from nnunetv2_muduo.evaluation.text import markdown_table
from nnunetv2_muduo.prompting.answers import Promptable
from nnunetv2_muduo.prompting.benchmark import run_object, truth_labels
from nnunetv2_muduo.prompting.network import NetworkTeacher
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.protocols import Protocol
from nnunetv2_muduo.prompting.scores import scores
from nnunetv2_muduo.prompting.session import PromptSession
from nnunetv2_muduo.prompting.teachers import promptable
from nnunetv2_muduo.prompting.users import User, replayed, single_clicks
from nnunetv2_muduo.storage import digest, read_json, write_text
from nnunetv2_muduo.teacher_training.checkpoints import BEST, LAST
from nnunetv2_muduo.teacher_training.data import hold_out
from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teacher_training.sources import LabeledScan
from nnunetv2_muduo.teacher_training.volumes import Volume, cached_volume
from nnunetv2_muduo.teachers.weights import load_teacher, teacher_digest

RESULTS = Path(__file__).parent / "results" / "prompting" / "real_pet"
N_FOLDS, SEED, VAL_FRACTION = 5, 0, 0.15
SPACING_MM, SPACING_RANGE = 6.0, 0.1
"""Voxels of 6 mm lose 0.04 Dice of these tumors, those of 11 mm 0.10; training varies them by a tenth."""
LR = SETTINGS.lr / 2
PROTOCOL = Protocol("real PET", "clicks", 6, 1, ("dice",), scores, single_clicks)
N_CLICKS, N_DIGITS = (1, 3, 5), 5
TRAINED, PACKAGE, BEST_AFTERWARDS = "trained on real PET", "small_pet", "best threshold, known afterwards"
THRESHOLDS = ("threshold:0.41", "threshold:0.5", "threshold:2.5", "threshold:4")
SHARES = np.arange(0.05, 1, 0.05)
"""Of the SUVmax, among which the best threshold is chosen for every case and number of clicks."""


def main() -> None:
    args = parse_arguments()
    folders = sorted(folder for folder in args.data.iterdir() if (folder / "SUV.nii.gz").is_file())
    settings = {
        "minutes": args.minutes,
        "spacing_mm": args.spacing,
        "lr": args.lr,
        "began_with": teacher_digest(PACKAGE),
    }
    for number in args.folds:
        record = args.out / f"fold_{number}.json"
        if (read_json(record) or {}).get("settings") != settings:
            tested = folds(folders)[number]
            work = args.work / f"fold_{number}_{digest(settings)}"
            others = [folder for folder in folders if folder not in tested]
            train(others, work, args.work / "cache", args.minutes, args.spacing, args.lr)
            teacher = NetworkTeacher(load_teacher(work / BEST), "pet", args.spacing)
            cases = {folder.name: measure(folder, teacher) for folder in tested}
            record.parent.mkdir(parents=True, exist_ok=True)
            write_text(json.dumps({"settings": settings, "cases": cases}) + "\n", record)
        print(f"fold {number}: {record}", flush=True)
    print(write_summary(args.out))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="STS")
    parser.add_argument("--minutes", type=float, default=30, help="of training per fold (default: %(default)s)")
    parser.add_argument("--work", type=Path, required=True, metavar="WORK", help="caches and checkpoints")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(N_FOLDS)), choices=range(N_FOLDS))
    parser.add_argument("--spacing", type=float, default=SPACING_MM, metavar="MM", help="(default: %(default)s)")
    parser.add_argument("--lr", type=float, default=LR, help="of all parts (default: %(default)s)")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS, metavar="RESULTS", help="(default: %(default)s)")
    return parser.parse_args()


def folds(folders: list[Path]) -> list[list[Path]]:
    """Every patient in one fold, drawn at random."""
    drawn = np.random.default_rng(SEED).permutation(len(folders))
    return [[folders[i] for i in sorted(drawn[number::N_FOLDS])] for number in range(N_FOLDS)]


def train(
    folders: list[Path], out: Path, cache: Path, minutes: float, spacing_mm: float = SPACING_MM, lr: float = LR
) -> None:
    """Train in `out`, or go on with what is there."""
    torch.set_num_threads(1)
    settings = settings_of(spacing_mm, lr)
    train_volumes, held_out = hold_out(volumes_of(folders, settings, cache), VAL_FRACTION, SEED)
    out.mkdir(parents=True, exist_ok=True)
    teacher = load_teacher(PACKAGE).float()
    training = ClockTraining(minutes, teacher, settings, train_volumes, held_out, out, goes_on=True)
    if (out / LAST).is_file():
        training.resume()
    training.run()


def settings_of(spacing_mm: float, lr: float) -> TrainingSettings:
    """As the package's teachers are trained, with voxels around another size."""
    low, high = spacing_mm * (1 - SPACING_RANGE), spacing_mm * (1 + SPACING_RANGE)
    return replace(
        SETTINGS, modality="pet", spacing_mm=(low, high), lr=lr, decoder_lr=lr, validate_every=200, absent_fraction=0.0
    )


def volumes_of(folders: list[Path], settings: TrainingSettings, cache: Path) -> list[Volume]:
    """The patients' PETs, each at a voxel size of its own from the range."""
    sizes = np.random.default_rng(settings.seed).uniform(*settings.spacing_mm, len(folders))
    return [
        cached_volume(
            LabeledScan(folder.name, folder.name, folder / "SUV.nii.gz", folder / "SEG.nii.gz", {1: "tumor"}),
            *("pet", float(size), cache),
        )
        for folder, size in zip(folders, sizes, strict=True)
    ]


def measure(folder: Path, teacher: NetworkTeacher) -> dict[str, dict[str, Any]]:
    """Dice after one to five clicks by teacher, and whether all clicks were obeyed."""
    found = {}
    found[TRAINED], clicks = clicked(folder, teacher, single_clicks("center", SEED))
    found[PACKAGE], _ = clicked(folder, promptable(PACKAGE), single_clicks("center", SEED))
    for name in THRESHOLDS:
        found[name], _ = clicked(folder, promptable(name), replayed(clicks))
    shares = [clicked(folder, promptable(f"threshold:{share:.2f}"), replayed(clicks))[0] for share in SHARES]
    best = [max(of_step) for of_step in zip(*(of_share["dice"] for of_share in shares), strict=True)]
    return found | {BEST_AFTERWARDS: {"dice": best, "obeyed": all(of_share["obeyed"] for of_share in shares)}}


def clicked(folder: Path, teacher: Promptable, user: User) -> tuple[dict[str, Any], list[Prompt]]:
    """Dice from the first click on, whether all was obeyed, and all clicks."""
    session = PromptSession(teacher)
    session.set_image(folder / "SUV.nii.gz")
    truth = truth_labels(folder / "SEG.nii.gz") > 0
    rows = list(run_object(session, truth, PROTOCOL, user))[PROTOCOL.first_counted :]
    dice = [round(row["dice"], N_DIGITS) for row in rows]
    return {"dice": dice, "obeyed": all(row["obeyed"] for row in rows)}, list(session.prompts)


def write_summary(folder: Path) -> str:
    """summary.md of all folds that are there; returns it."""
    records = [read_json(path) for path in sorted(folder.glob("fold_*.json"))]
    cases = [of_case for record in records for of_case in record["cases"].values()]
    lines = []
    for name in cases[0]:
        dice = np.array([of_case[name]["dice"] for of_case in cases])[:, np.array(N_CLICKS) - 1]
        cells = [f"{mean:.3f} ± {std:.3f}" for mean, std in zip(dice.mean(0), dice.std(0), strict=True)]
        lines.append([name, *cells, f"{np.mean([of_case[name]['obeyed'] for of_case in cases]):.1%}"])
    heading = ["teacher", *(f"Dice, {n} click{'s' * (n > 1)}" for n in N_CLICKS), "sessions obeyed"]
    title = f"## {len(cases)} real PETs, {len(records)} of {N_FOLDS} folds; mean ± standard deviation over cases"
    text = f"{title}\n\n{markdown_table(heading, lines)}\n"
    write_text(text, folder / "summary.md")
    return text


if __name__ == "__main__":
    main()
