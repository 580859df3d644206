"""Speed, memory and agreement of `muduo evaluate` against medpy, on one synthetic case.

    python -m benchmarks.speed.evaluate --json OUT.json

12 organs on a 400 x 400 x 300 grid of 2.04 x 2.04 x 3 mm: the whole command in a process of its own, and the distances (HD95
pooled, ASD directed) against medpy, called as the published code calls it, on whole volumes. medpy takes minutes;
`--n-medpy-organs` limits the comparison.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from tqdm import tqdm

from nnunetv2_muduo.evaluation.organs import measure_labels
from nnunetv2_muduo.evaluation.surface import surface_measures, surface_voxels

SPACING_MM = (3.0, 2.04, 2.04)
ORGANS = [  # center as a share of the grid, radii in mm; axes (z, y, x)
    ((0.9, 0.5, 0.5), (80, 70, 65)),
    ((0.7, 0.55, 0.3), (110, 75, 60)),
    ((0.7, 0.55, 0.7), (110, 75, 60)),
    ((0.66, 0.45, 0.53), (55, 45, 45)),
    ((0.55, 0.5, 0.35), (75, 80, 90)),
    ((0.55, 0.48, 0.65), (50, 35, 30)),
    ((0.52, 0.42, 0.55), (45, 40, 50)),
    ((0.45, 0.58, 0.35), (55, 28, 28)),
    ((0.45, 0.58, 0.65), (55, 28, 28)),
    ((0.3, 0.5, 0.5), (40, 40, 45)),
    ((0.2, 0.55, 0.35), (60, 30, 30)),
    ((0.2, 0.55, 0.65), (60, 30, 30)),
]
ORGAN_VALUES = {f"organ {value}": value for value in range(1, len(ORGANS) + 1)}


def main() -> None:
    args = parse_arguments()
    prediction, truth = make_case(tuple(args.shape), np.random.default_rng(0))
    _, measures_s = timed(lambda: measure_labels(prediction, truth, SPACING_MM, ORGAN_VALUES))
    command = time_command(prediction, truth)  # before medpy: a child's peak memory begins with its parent's
    rows = compare_with_medpy(prediction, truth, list(ORGAN_VALUES.values())[: args.n_medpy_organs])
    result = {
        "machine": platform.machine(),
        "n_cpus": os.cpu_count(),
        "shape_zyx": args.shape,
        "all_measures_of_12_organs_s": measures_s,
        **command,
        "organs": rows,
        "speedup": sum(row["medpy_s"] for row in rows) / sum(row["ours_s"] for row in rows),
        "max_difference_mm": max(row["difference_mm"] for row in rows),
    }
    print_result(result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="OUT.json")
    parser.add_argument("--shape", type=int, nargs=3, default=(300, 400, 400), metavar=("Z", "Y", "X"))
    parser.add_argument("--n-medpy-organs", type=int, default=12, metavar="N")
    return parser.parse_args()


def make_case(shape: tuple[int, int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Truth with 12 ellipsoids of organ size, and a prediction: warped, one organ with a far blob, two swapped."""
    scale = np.array(shape) / (300, 400, 400)
    truth, prediction = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for organ, (center, radius_mm) in enumerate(ORGANS, start=1):
        radius = np.array(radius_mm) / SPACING_MM * scale
        draw_ellipsoid(truth, np.array(center) * shape, radius, organ)
        shift, growth = rng.normal(0, 1.5, 3), rng.uniform(0.93, 1.07, 3)
        draw_ellipsoid(prediction, np.array(center) * shape + shift, radius * growth, organ)
    draw_ellipsoid(prediction, np.array((0.05, 0.05, 0.05)) * shape, np.array((4, 6, 6)) * scale, 5)
    swapped = prediction.copy()
    swapped[prediction == 11], swapped[prediction == 12] = 12, 11
    return swapped, truth


def draw_ellipsoid(labels: np.ndarray, center: np.ndarray, radius: np.ndarray, value: int) -> None:
    """Set the voxels of an ellipsoid, in voxel units, to a value."""
    start = np.maximum(np.floor(center - radius).astype(int), 0)
    stop = np.minimum(np.ceil(center + radius).astype(int) + 1, labels.shape)
    axes = np.ogrid[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    inside = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, center, radius, strict=True)) <= 1
    labels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))][inside] = value


def time_command(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Wall time and peak memory of `muduo evaluate` on the case, reading and start of Python included."""
    with tempfile.TemporaryDirectory() as folder:
        for name, labels in (("prediction", prediction), ("truth", truth)):
            image = sitk.GetImageFromArray(labels)
            image.SetSpacing(SPACING_MM[::-1])
            (Path(folder) / name).mkdir()
            sitk.WriteImage(image, f"{folder}/{name}/case.nii.gz", useCompression=True)
        labels = {"background": 0, **ORGAN_VALUES}
        (Path(folder) / "dataset.json").write_text(json.dumps({"labels": labels}), encoding="utf-8")
        command = [sys.executable, "-m", "nnunetv2_muduo.cli", "evaluate", f"{folder}/prediction", f"{folder}/truth"]
        _, seconds = timed(
            lambda: subprocess.run([*command, "-o", f"{folder}/out"], check=True, stdout=subprocess.DEVNULL)
        )
    peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    return {"command_s": seconds, "command_peak_memory_gb": peak_gb}


def compare_with_medpy(prediction: np.ndarray, truth: np.ndarray, organs: list[int]) -> list[dict[str, float]]:
    """HD95 and ASD of each organ by both: seconds, values, in mm."""
    from medpy.metric import binary

    rows = []
    for organ in tqdm(organs, "medpy", unit="organ"):
        masks = prediction == organ, truth == organ
        hd95, hd95_s = timed(partial(binary.hd95, *masks, voxelspacing=SPACING_MM))
        asd, asd_s = timed(partial(binary.asd, *masks, voxelspacing=SPACING_MM))
        ours, ours_s = timed(partial(our_distances, *masks))
        difference_mm = max(abs(ours["hd95"] - hd95), abs(ours["asd"] - asd))
        row = {"organ": organ, "hd95_mm": hd95, "asd_mm": asd, "medpy_s": hd95_s + asd_s, "ours_s": ours_s}
        rows.append({**row, "difference_mm": difference_mm})
    return rows


def our_distances(prediction_mask: np.ndarray, truth_mask: np.ndarray) -> dict[str, float]:
    """The same, and ASSD and NSD, by this package."""
    return surface_measures(surface_voxels(prediction_mask) * SPACING_MM, surface_voxels(truth_mask) * SPACING_MM, 3.0)


def timed(function: Callable) -> tuple:
    """Result of a function and its seconds."""
    start = time.perf_counter()
    return function(), time.perf_counter() - start


def print_result(result: dict) -> None:
    """Print what was measured."""
    print(" organ   HD95 mm    ASD mm  medpy s  ours s  difference mm")
    for row in result["organs"]:
        values = f"{row['organ']:6d} {row['hd95_mm']:9.3f} {row['asd_mm']:9.3f}"
        print(f"{values} {row['medpy_s']:8.2f} {row['ours_s']:7.3f} {row['difference_mm']:14.1e}")
    print(f"distances: {result['speedup']:.0f} times faster, largest difference {result['max_difference_mm']:.1e} mm")
    print(f"all measures of 12 organs on {tuple(result['shape_zyx'])}: {result['all_measures_of_12_organs_s']:.2f} s")
    command = f"{result['command_s']:.2f} s, {result['command_peak_memory_gb']:.2f} GB"
    print(f"the whole command: {command}, on {result['n_cpus']} CPUs")


if __name__ == "__main__":
    main()
