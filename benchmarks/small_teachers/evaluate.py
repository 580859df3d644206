"""Teachers side by side, on patients that none has learned from and no moment of a training was chosen on.

    python -m benchmarks.small_teachers.evaluate --modality ct --data OUT/phantoms COHORTS/teachers --cache OUT/cache
        --teachers before=OLD.safetensors now=small [--real-ct FOLDER] [--card] -o OUT/evaluation

Three robot users (the middle of the largest error, anywhere in it, near its border) give up to ten clicks that add up; three
points at once, the true mask and a student-like mask are asked for alone, beside what that mask is without a teacher. A
student-like mask of an organ that is not in the crop, and a click on background, should be answered with nothing: their rows
count voxels. --real-ct holds `ct.nii.gz`, `organs.nii.gz` and `labels.json`, a real CT with organ labels. --card puts the figures
into the package's model card, beside the last teacher's name.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.small_teachers.evaluation_table import write_tables
from benchmarks.small_teachers.model_card import add_evaluation
from benchmarks.small_teachers.real_ct import real_ct_volumes
from benchmarks.small_teachers.train_small_teachers import SETTINGS, TARGET, asked_volumes, three_groups
from nnunetv2_muduo.storage import write_json
from nnunetv2_muduo.teacher_training.crops import Cropper, Crops
from nnunetv2_muduo.teacher_training.simulated_student_masks import simulated_student_probs
from nnunetv2_muduo.teacher_training.validation import dice_of_masks, held_out_crops
from nnunetv2_muduo.teacher_training.volumes import Volume
from nnunetv2_muduo.teachers.click_rounds import chained_rounds, logits_of_crop
from nnunetv2_muduo.teachers.clicks import interior_points
from nnunetv2_muduo.teachers.prompts import empty_mask_prompts, mask_prompts
from nnunetv2_muduo.teachers.robots import robot
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.teachers.weights import load_teacher

ROBOTS = {"center": "middle of the largest error", "random": "anywhere in the error", "border": "near its border"}
N_CLICKS, N_POINTS, N_CROPS, SEED = (1, 3, 5, 10), 3, 240, 0
ITSELF, ABSENT, ABSENT_ITSELF = "student-like mask itself", "voxels where nothing is", "voxels of that mask itself"
ON_BACKGROUND = "voxels after a click on background"
OF_STUDY, STUDY_MM = "the study's patches", 12.0


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    volumes = {
        name: three_groups(asked_volumes(args.data, args.modality, cache, spacing_mm), SETTINGS.seed)[2]
        for name, spacing_mm, cache in (
            ("synthetic", SETTINGS.spacing_mm, args.cache),
            (OF_STUDY, (STUDY_MM, STUDY_MM), args.cache / "study"),
        )
    }
    if args.real_ct:
        volumes["real CT"] = real_ct_volumes(args.real_ct, SETTINGS.spacing_mm, args.cache)
    results: dict[str, dict] = {}
    for name, source in (entry.split("=", 1) for entry in args.teachers):
        source = f"small_{args.modality}" if source == "small" else source
        teacher = load_teacher(source, modality=args.modality).float()
        cropper = Cropper(args.modality, teacher.image_size, 256, flip_axes=())
        for group, of_group in volumes.items():
            crops = (patches_anywhere if group == OF_STUDY else held_out_crops)(of_group, cropper, N_CROPS)
            results.setdefault(group, {})[name] = measure(teacher, crops)
            print(f"{group}, {name}: measured", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    write_json(results, args.out / f"{args.modality}.json")
    print(write_tables(results, args.modality, args.out / f"{args.modality}.md"))
    if args.card:
        add_evaluation(results, args.modality, TARGET)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modality", choices=("ct", "pet"), required=True)
    parser.add_argument("--data", nargs="+", required=True, help="the same, in the same order, as the training had")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--teachers", nargs="+", required=True, metavar="NAME=FILE", help="small: the package's own")
    parser.add_argument("--real-ct", type=Path, metavar="FOLDER")
    parser.add_argument("--card", action="store_true", help="write the package's model card anew")
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser.parse_args()


def patches_anywhere(volumes: list[Volume], cropper: Cropper, n_crops: int) -> list[Crops]:
    """The same crops at every call: one volume after another, an organ of each somewhere in the crop."""
    generator = torch.Generator().manual_seed(SEED)
    return [cropper.random_crop(volumes[i % len(volumes)], generator) for i in range(n_crops)]


@torch.no_grad()
def measure(teacher: Sam3DTeacher, crops: list[Crops]) -> dict[str, dict[str, float]]:
    """Mean Dice by kind of prompt and organ, `mean` that over organs; of absent organs the mean number of voxels."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for seed, (before, crop) in enumerate(zip([crops[-1], *crops], crops, strict=False), start=SEED):
        if not crop.organs:
            continue
        generator = torch.Generator().manual_seed(seed)  # the same prompts for every teacher
        for kind, dice in dice_by_prompt(teacher, crop, generator):
            for organ, value in zip(crop.organs, dice.tolist(), strict=True):
                values[kind][organ].append(value)
        for kind, n_voxels in voxels_of_absent(teacher, crop, before, generator):
            values[kind]["none"] += n_voxels.tolist()
    means = {kind: {organ: sum(v) / len(v) for organ, v in sorted(of.items())} for kind, of in values.items()}
    return {kind: {**of, "mean": sum(of.values()) / len(of)} for kind, of in means.items()}


def dice_by_prompt(teacher: Sam3DTeacher, crop: Crops, generator: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    """Kinds of prompts, each with Dice [N] of the crop's organs."""
    truth, size = crop.truth_mask, crop.truth_mask.shape[-1]
    embeddings = teacher.encode(crop.image)[crop.crop_index]
    for seed, (kind, title) in enumerate(ROBOTS.items(), start=generator.initial_seed()):
        user = robot(kind, torch.Generator().manual_seed(seed))  # how much it draws depends on the answers
        rounds = chained_rounds(teacher, embeddings, truth, [True] * max(N_CLICKS), user, keep_clicks=True)
        for n, logits in enumerate(rounds, start=1):
            if n in N_CLICKS:
                yield f"{n} clicks {title}", dice_of_masks(logits > 0, truth)
    no_mask = empty_mask_prompts(1, teacher.low_res_size, embeddings)
    answer = teacher.decode(embeddings, interior_points(truth, N_POINTS, generator), no_mask)
    yield f"{N_POINTS} points at once", dice_of_masks(logits_of_crop(answer, size) > 0, truth)
    probs = simulated_student_probs(truth, crop.crop_index, generator)
    for kind, maps in (("true mask", truth), ("student-like mask", probs)):
        answer = teacher.decode(embeddings, None, mask_prompts(maps, teacher.low_res_size))
        yield kind, dice_of_masks(logits_of_crop(answer, size) > 0, truth)
    yield ITSELF, dice_of_masks(probs > 0.5, truth)


def voxels_of_absent(
    teacher: Sam3DTeacher, crop: Crops, other: Crops, generator: torch.Generator
) -> Iterator[tuple[str, Tensor]]:
    """Voxels [M] of the answers to what isn't there.

    Prompts are a click on background, and student-like masks of another crop's organs, as far as this crop has none of them.
    """
    embedding = teacher.encode(crop.image)
    if (background := ~crop.labeled_mask).any():
        no_mask = empty_mask_prompts(1, teacher.low_res_size, embedding)
        answer = teacher.decode(embedding, interior_points(background, 1, generator), no_mask)
        yield ON_BACKGROUND, (logits_of_crop(answer, background.shape[-1]) > 0).flatten(1).sum(1).float()
    absent = [i for i, organ in enumerate(other.organs) if organ not in crop.organs]
    if not absent:
        return
    probs = simulated_student_probs(other.truth_mask[absent], other.crop_index[absent], generator)
    answer = teacher.decode(embedding, None, mask_prompts(probs, teacher.low_res_size))
    yield ABSENT, (logits_of_crop(answer, probs.shape[-1]) > 0).flatten(1).sum(1).float()
    yield ABSENT_ITSELF, (probs > 0.5).flatten(1).sum(1).float()


if __name__ == "__main__":
    main()
