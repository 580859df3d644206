"""What labels of low quality cost a teacher, and what SegAnyPET's rule for them (`muduo teacher train --noisy-labels`) wins back.

    python -m benchmarks.small_teachers.noisy_labels --modality ct --learn-from STUDY/development/studies \\
        --data PHANTOMS COHORTS/teachers --cache OUT/cache -o OUT/noisy

As users would, a trained teacher is adapted to other patients, whom it never saw: those of the study's choices. Half of
them have every organ eroded, dilated, shifted, merged with its neighbor or missing. For each seed four teachers with the same
steps learn from the clean labels, from the spoilt ones as if they were good ("naive"), from the spoilt ones with their cases
named as noisy, and from the good half alone ("left out"). All are measured after their last step, on those of the teachers' own
patients that the model card reports. Last, the rule rectifies the spoilt labels by the answers of the teacher that it trained: in
how many organs are these nearer the truth? A row that is done is a file in OUT; the same command goes on.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import torch

from benchmarks.small_teachers.spoilt_labels import spoilt_volume
from benchmarks.small_teachers.train_small_teachers import SETTINGS, asked_volumes, three_groups
from nnunetv2_muduo.storage import read_json, write_json
from nnunetv2_muduo.teacher_training.confident_learning import rectified_mask
from nnunetv2_muduo.teacher_training.crops import Cropper
from nnunetv2_muduo.teacher_training.trainer import TeacherTraining
from nnunetv2_muduo.teacher_training.validation import dice_of_masks, mean_of_prompts
from nnunetv2_muduo.teacher_training.volumes import Volume
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.teachers.weights import load_teacher

KINDS = ("clean", "naive", "named as noisy", "left out")
LR = 3e-4
RECTIFIED = (
    "| rectified labels | {} | nearer the truth in {nearer_organs:.2f} of {organs} organs, {nearer_cases:.2f} of {cases} cases; "
    "Dice {given:.3f} -> {rectified:.3f} |||||"
)


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    train = asked_volumes(args.learn_from, args.modality, args.cache)
    *_, reported = three_groups(asked_volumes(args.data, args.modality, args.cache), SETTINGS.seed)
    for seed, kind in product(args.seeds, KINDS):
        row = args.out / f"{name_of(seed, kind)}.json"
        if not row.is_file():
            write_json(run(kind, seed, train, reported, args), row)
            print(f"seed {seed}, {kind}: done", flush=True)
    print(write_table(args.out, args.seeds))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modality", choices=("ct", "pet"), default="ct")
    parser.add_argument(
        "--learn-from", nargs="+", required=True, help="labeled PET/CT in AutoPET's or nnU-Net's layout"
    )
    parser.add_argument("--data", nargs="+", required=True, help="what the teacher learned from and was measured on")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--init", help="teacher that all trainings begin with (default: the package's)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--iterations", type=int, default=800)
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser.parse_args()


def name_of(seed: int, kind: str) -> str:
    """Of a row's file and folder."""
    return f"seed{seed}_{kind.replace(' ', '_')}"


def run(kind: str, seed: int, train: list[Volume], reported: list[Volume], args: argparse.Namespace) -> dict:
    """One row: the last figures of one training, and how the rule rectifies the labels that it was given."""
    given, noisy = with_spoilt_half(train, args.out / f"spoilt_{args.modality}_{seed}", seed)
    settings = replace(
        SETTINGS,
        modality=args.modality,
        seed=seed,
        n_iterations=args.iterations,
        validate_every=args.iterations,
        absent_fraction=0.0,
        lr=LR,
        decoder_lr=LR,
    )
    teacher = load_teacher(args.init or f"small_{args.modality}").float()
    names = noisy if kind == "named as noisy" else frozenset()
    good = [volume for volume in given if volume.name not in noisy]
    learned_from = {"clean": train, "left out": good}.get(kind, given)
    folder = args.out / name_of(seed, kind)
    folder.mkdir(parents=True, exist_ok=True)
    training = TeacherTraining(teacher, settings, learned_from, reported, folder, names)
    training.run()
    dice = {prompts: of["mean"] for prompts, of in training.history[-1]["dice"].items()}
    row = {"iterations": args.iterations, "dice": dice, "mean": mean_of_prompts(training.history[-1]["dice"])}
    if names:
        row["rectified"] = rectified_labels(teacher, train, given, noisy, settings)
    return row


def with_spoilt_half(volumes: list[Volume], folder: Path, seed: int) -> tuple[list[Volume], frozenset[str]]:
    """The volumes, every second of which in random order is spoilt, and the names of these."""
    names = sorted(volume.name for volume in volumes)
    noisy = frozenset(np.random.default_rng(seed).permutation(names)[::2].tolist())
    return [spoilt_volume(v, folder, seed) if v.name in noisy else v for v in volumes], noisy


@torch.no_grad()
def rectified_labels(
    teacher: Sam3DTeacher, clean: list[Volume], given: list[Volume], noisy: frozenset[str], settings
) -> dict:
    """Dice of given and rectified labels with the true ones, and the shares of organs and cases with nearer rectified ones."""
    truths = {volume.name: volume for volume in clean}
    cropper = Cropper(settings.modality, teacher.image_size, 256, flip_axes=())
    generator = torch.Generator().manual_seed(settings.seed)
    of_cases = [
        np.array(list(of_case(teacher, cropper, volume, truths[volume.name], generator)))
        for volume in given
        if volume.name in noisy and volume.centers
    ]
    of_organs = np.concatenate(of_cases)
    means_of_cases = np.array([case.mean(0) for case in of_cases])
    given_dice, rectified_dice = of_organs.mean(0)
    return {
        "given": given_dice,
        "rectified": rectified_dice,
        "nearer_organs": (of_organs[:, 1] > of_organs[:, 0]).mean(),
        "nearer_cases": (means_of_cases[:, 1] > means_of_cases[:, 0]).mean(),
        "organs": len(of_organs),
        "cases": len(of_cases),
    }


def of_case(teacher, cropper: Cropper, given: Volume, truth: Volume, generator) -> Iterator[tuple[float, float]]:
    """Dice of each organ's given and of its rectified label with the true one, in a crop around it."""
    for label, center in given.centers.items():
        crops, organ = [cropper.crop(volume, center, generator) for volume in (given, truth)], given.organs[label]
        if not all(organ in crop.organs for crop in crops):
            continue  # too few voxels left of it
        label_crop, truth_crop = (crop.of_organs([crop.organs.index(organ)]) for crop in crops)
        label_mask, is_noisy = label_crop.truth_mask, torch.ones(1, dtype=torch.bool)
        rectified = rectified_mask(teacher, teacher.encode(label_crop.image), label_mask, is_noisy, generator)
        yield tuple(dice_of_masks(mask, truth_crop.truth_mask).item() for mask in (label_mask, rectified))


def write_table(out: Path, seeds: list[int]) -> str:
    """Markdown of all rows, which must be there, also written to OUT/noisy_labels.md."""
    lines = ["| labels | seed | mean over prompts | 1 click | 3 clicks | 5 clicks | true mask |", "|---" * 7 + "|"]
    means: dict[str, list[float]] = {}
    for seed, kind in product(seeds, KINDS):
        row = read_json(out / f"{name_of(seed, kind)}.json")
        figures = [row["mean"], *(row["dice"][key] for key in ("1 click", "3 clicks", "5 clicks", "true mask"))]
        means.setdefault(kind, []).append(row["mean"])
        lines.append(f"| {kind} | {seed} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")
        if "rectified" in row:
            lines.append(RECTIFIED.format(seed, **row["rectified"]))
    lost, won, left_out = (np.mean(means[KINDS[i]]) - np.mean(means["naive"]) for i in (0, 2, 3))
    lines.append(
        f"\nLost by the naive training {lost:.3f}, won back {won:.3f}, by leaving the spoilt cases out {left_out:.3f}."
    )
    text = "\n".join(lines) + "\n"
    (out / "noisy_labels.md").write_text(text, encoding="utf-8")
    return text


if __name__ == "__main__":
    main()
