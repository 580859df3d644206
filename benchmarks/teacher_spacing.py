"""What `teacher_spacing_mm` is good for: the package's teachers, which learned at 10 to 12 mm, on phantoms of 5.5 mm.

    python -m benchmarks.teacher_spacing FOLDER [--cases 16]

Patches around organs are asked about twice: as 24 voxels of the data set, which are the teachers' image but of half the size that
they know, and as 48 voxels, resampled for the teachers to 11 mm and their answers back. Points and masks come from the truth,
and Dice is taken over the 24 voxels that both have. FOLDER keeps the phantoms, which are other patients than the teachers' own.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from benchmarks.small_teachers.train_small_teachers import MANY_SCANNERS
from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.data.pairs import valid_pairs
from nnunetv2_muduo.evaluation.text import markdown_table
from nnunetv2_muduo.phantom.cohort import write_cohort
from nnunetv2_muduo.storage import write_text
from nnunetv2_muduo.teacher_training.crops import cut_cube
from nnunetv2_muduo.teacher_training.data import load_volumes
from nnunetv2_muduo.teacher_training.validation import dice_of_masks
from nnunetv2_muduo.teacher_training.volumes import Volume
from nnunetv2_muduo.teachers.ensemble import TeacherEnsemble
from nnunetv2_muduo.teachers.patch_space import patch_probs

PLAN_MM, TEACHERS_MM, EDGE = 5.5, 11.0, 24
PHANTOM_SEED = 9000
AS_STORED = [2, 1, 0]  # the volumes lie in the teachers' own axes
PROMPTS = {"three points": "points", "true mask": "mask"}
PATCHES = {"the data set's": EDGE, "their own": round(EDGE * TEACHERS_MM / PLAN_MM)}  # edges in voxels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=16)
    args = parser.parse_args()
    cohort = args.folder / "phantoms"
    write_cohort(cohort, args.cases, PHANTOM_SEED, PLAN_MM, 1, MANY_SCANNERS)
    volumes = [
        load_volumes([str(cohort)], modality, (PLAN_MM, PLAN_MM), args.folder / "cache", 0)
        for modality in ("ct", "pet")
    ]
    dice: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for prompts, kind in PROMPTS.items():
        for spacing, edge in PATCHES.items():
            for ct, pet in zip(*volumes, strict=True):
                for modality, organ, value in ask(ct, pet, kind, edge):
                    dice[modality, prompts, spacing][organ].append(value)
    text = table(dice)
    write_text(text, args.folder / "teacher_spacing.md")
    print(text)


@torch.no_grad()
def ask(ct: Volume, pet: Volume, kind: str, edge: int) -> list[tuple[str, str, float]]:
    """Modality, organ and Dice of every answer about the patches around the organs of one patient."""
    config = MuDuoConfig(ct_teacher="small", pet_teacher="small", ct_prompts=kind, pet_prompts=kind)
    labels = list(ct.organs)
    ensemble = TeacherEnsemble(config, AS_STORED, labels, torch.device("cpu"))
    found = []
    for center in ct.centers.values():
        images = {m: tensor(volume.image, center, edge).float() for m, volume in (("ct", ct), ("pet", pet))}
        truth_map = tensor(ct.labels, center, edge).short()
        inner = _inner(truth_map[0, 0])
        asked = [label for label in labels if int((inner == label).sum()) >= ct.min_organ_voxels]
        seen = torch.where(torch.isin(truth_map, torch.tensor(asked)), truth_map, 0)
        probs = torch.cat([(seen == label).float() for label in [0, *labels]], 1)
        pairs = valid_pairs(seen, labels)
        answers = ensemble.predict(images, seen, probs, pairs)
        truth = torch.stack([inner == labels[organ] for organ in pairs.organs])
        for modality, logits in answers.items():
            masks = torch.stack([_inner(mask) for mask in patch_probs(logits, (edge,) * 3) > 0.5])
            names = [ct.organs[labels[organ]] for organ in pairs.organs]
            found += [(modality, *pair) for pair in zip(names, dice_of_masks(masks, truth).tolist(), strict=True)]
    return found


def tensor(array: np.ndarray, center: tuple[int, int, int], edge: int) -> torch.Tensor:
    """[1, 1, edge, edge, edge] around a voxel."""
    return torch.from_numpy(np.ascontiguousarray(cut_cube(array, center, edge)))[None, None]


def _inner(volume: torch.Tensor) -> torch.Tensor:
    start = (volume.shape[0] - EDGE) // 2
    inner = slice(start, start + EDGE)
    return volume[inner, inner, inner]


def table(dice: dict[tuple[str, str, str], dict[str, list[float]]]) -> str:
    """Markdown: mean over organs of the mean Dice over patches."""
    rows = []
    for modality in ("ct", "pet"):
        for prompts in PROMPTS:
            of = (dice[modality, prompts, spacing] for spacing in PATCHES)
            means = [np.mean([np.mean(values) for values in organs.values()]) for organs in of]
            rows.append([modality.upper(), prompts, *(f"{mean:.3f}" for mean in means)])
    return markdown_table(["teacher", "prompt", *(f"at {spacing} spacing" for spacing in PATCHES)], rows) + "\n"


if __name__ == "__main__":
    main()
