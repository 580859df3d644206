"""Cost of the teachers, against the published way to the same numbers.

    python -m benchmarks.speed.teachers --device cpu --json OUT.json

One encode of `vit_b_ori`; the whole teacher stage for 2 patches with 12 organs each; the stage for up to 117 organs, its
time and memory; masks in half precision against float32. Weights are reproducible random numbers: speed does not depend
on them. Of the published way, whose organs all cost the same, 3 are computed and the time multiplied.
"""

import statistics
import tempfile
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from benchmarks.speed import measure
from benchmarks.speed.literal_sam3d import literal_encode
from benchmarks.speed.phantom_patches import ORGANS, Patches, cells, phantom_patches, student_probs, teacher_files
from benchmarks.speed.precision import worst_mask_dice
from benchmarks.speed.published_stage import PROMPTS, published_organ
from benchmarks.speed.stage import TeacherStage
from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.teachers.ensemble import TeacherEnsemble
from nnunetv2_muduo.teachers.patch_space import normalize_ct

N_ENCODES = 5
PUBLISHED_ORGANS = (1, 6, 12)
MANY_ORGANS = (12, 39, 117)


@torch.no_grad()
def main() -> None:
    args = measure.parse_arguments(__doc__)
    patches = phantom_patches(2).to(args.device)
    with tempfile.TemporaryDirectory() as folder:
        config = MuDuoConfig(**teacher_files(Path(folder)), **PROMPTS)
        ensemble = TeacherEnsemble(config, [0, 1, 2], list(range(1, max(MANY_ORGANS) + 1)), args.device)
    figures = {
        "machine": measure.machine(args.device),
        **measure_stage(ensemble, patches),
        **measure_encode(ensemble, patches),
        **measure_many_organs(ensemble, patches),
        "mask_dice": worst_mask_dice(ensemble.teachers["pet"], patches),
        "load_average_at_end": measure.load_average(),
    }
    measure.report(args, figures, rows_of(figures))


def measure_encode(ensemble: TeacherEnsemble, patches: Patches) -> dict:
    """One encode, in turns: literal and ours."""
    teacher, image = ensemble.teachers["ct"], normalize_ct(patches.ct_hu[:1])
    runs = {
        "literal": lambda: literal_encode(teacher.image_encoder, image),
        "ours": lambda: teacher.encode(image),
    }
    measure.side_by_side(runs, 1, image.device)  # to warm up
    times, embeddings = measure.side_by_side(runs, N_ENCODES, image.device)
    return {
        "encode_ratio": measure.median_ratio(times["literal"], times["ours"]),
        "encode_relative_error": measure.relative_error(embeddings["ours"], embeddings["literal"]),
        "encode_literal_s": times["literal"],
        "encode_s": times["ours"],
    }


def measure_stage(ensemble: TeacherEnsemble, patches: Patches) -> dict:
    """The stage, in turns: one organ as published, all 12 as ours."""
    probs = student_probs(patches.organ_map, len(ORGANS)).to(patches.ct_hu.device)
    stage = TeacherStage(ensemble, patches, probs)
    stage()  # to warm up
    organs = pd.DataFrame([compare_with_published(stage, organ) for organ in PUBLISHED_ORGANS])
    return {
        "stage_ratio": (organs["published_s"] / organs["ours_s"]).median(),
        "stage_published_s": list(organs["published_s"]),
        "stage_s": list(organs["ours_s"]),
        "stage_agreement_relative_error": organs["agreement_error"].max(),
        "stage_equal_voxels": organs["equal_voxels"].min(),
    }


def compare_with_published(stage: TeacherStage, organ: int) -> dict[str, float]:
    """Seconds of both ways for all organs, and how far they agree on one, the only one that is computed as published."""
    patches, probs, n_organs = stage.patches, stage.student_probs, len(ORGANS)
    images = {"ct": patches.ct_hu, "pet": patches.pet_suv}
    prompts = {"ct": probs[:, organ], "pet": patches.organ_map[:, 0] == organ}
    published = partial(published_organ, stage.ensemble.teachers, images, prompts, stage.alpha)
    times, results = measure.side_by_side({"published": published, "ours": stage}, 1, probs.device)
    (agreement, mask), (all_agreement, masks) = results["published"], results["ours"]
    return {
        "published_s": n_organs * times["published"][0],
        "ours_s": times["ours"][0],
        "agreement_error": (all_agreement[:, organ - 1] / agreement - 1).abs().max().item(),
        "equal_voxels": (masks[agreement.argmax() * n_organs + organ - 1] == mask).float().mean().item(),
    }


def measure_many_organs(ensemble: TeacherEnsemble, patches: Patches) -> dict:
    """Time and memory of the stage as the number of organs in each patch grows."""
    times, peaks = [], []
    for n_organs in MANY_ORGANS:
        organ_map = cells(n_organs).expand(2, -1, -1, -1, -1).to(patches.ct_hu.device)
        many = Patches(patches.ct_hu, patches.pet_suv, organ_map)
        one_map = torch.full_like(many.ct_hu, 0.5).expand(-1, 1 + n_organs, -1, -1, -1)  # takes no more memory
        stage = TeacherStage(ensemble, many, one_map, keep_masks=False)
        peaks.append(measure.peak_memory_mb(stage, one_map.device))  # warms up, too
        times.append(statistics.median(measure.seconds(stage, one_map.device)[0] for _ in range(2)))
    per_organ = [(b - a) / (n - m) for a, b, m, n in zip(times, times[1:], MANY_ORGANS, MANY_ORGANS[1:], strict=False)]
    return {
        "many_organs": list(MANY_ORGANS),
        "many_organs_s": times,
        "many_organs_s_per_organ": per_organ,
        "many_organs_peak_mb": peaks,
    }


def rows_of(figures: dict) -> list[tuple[str, str]]:
    """The table."""
    many = zip(*(figures[f"many_organs{key}"] for key in ("", "_s", "_peak_mb")), strict=True)
    encode_s, literal_s = (statistics.median(figures[f"encode_{key}"]) for key in ("s", "literal_s"))
    stage_s, published_s = (statistics.median(figures[f"stage_{key}"]) for key in ("s", "published_s"))
    return [
        ("one encode, literal", f"{literal_s:.2f} s"),
        ("one encode, ours", f"{encode_s:.2f} s, {figures['encode_ratio']:.1f} times faster"),
        ("relative error of the embedding", f"{figures['encode_relative_error']:.1e}"),
        ("stage, 2 patches, 12 organs, published way", f"{published_s:.0f} s"),
        ("stage, 2 patches, 12 organs, ours", f"{stage_s:.2f} s, {figures['stage_ratio']:.0f} times faster"),
        ("agreement: relative error", f"{figures['stage_agreement_relative_error']:.1e}"),
        ("pseudo labels: equal voxels", f"{figures['stage_equal_voxels']:.5%}"),
        *((f"stage, {n} organs in each patch", f"{time_s:.2f} s, {mb} MB") for n, time_s, mb in many),
        *((f"worst mask Dice, {name}", f"{dice:.4f}") for name, dice in figures["mask_dice"].items()),
    ]


if __name__ == "__main__":
    main()
