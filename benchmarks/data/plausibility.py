"""Plausibility of HU and SUV: how many right cases are refused (none should be), and how many of each fault are found.

    python -m benchmarks.data.plausibility FOLDER... [--crops-mm 64 96 128 200 320] [--crops 20] [--seed 0]

FOLDER holds CTres.nii.gz and SUV.nii.gz of each study, at any depth, as AutoPET, `muduo phantom` and `muduo phantom
--from-labels` write them. Every study is looked at whole and, with --crops, in cubes anywhere in the body. The table says
the share refused, by rows: the images as they are, and with one fault after the other.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.images import read_image
from nnunetv2_muduo.imageio.modalities import BODY_ABOVE_HU, MODALITIES
from nnunetv2_muduo.imageio.plausibility import Channel, require_plausible_case
from nnunetv2_muduo.imageio.refusal import CaseRefused

Pair = tuple[np.ndarray, np.ndarray]
AIR_NOISE_HU = 15
SMEAR_SUV = 0.02
"""What resampling takes from the darkest voxels."""


def scaled(factor: float) -> Callable[[Pair], Pair]:
    return lambda pair: (pair[0], pair[1] * factor)


def noisy(ct_hu: np.ndarray) -> np.ndarray:
    """Noise around a CT that is clipped at air, as reconstructions have it."""
    return ct_hu + np.random.default_rng(0).normal(0, AIR_NOISE_HU, ct_hu.shape).astype(np.float32)


FAULTS: dict[str, Callable[[Pair], Pair]] = {
    "as they are": lambda pair: pair,
    "PET a little below 0": lambda pair: (pair[0], pair[1] - SMEAR_SUV),
    "CT with noise": lambda pair: (noisy(pair[0]), pair[1]),
    "SUV x 94": scaled(94),
    "SUV x 55": scaled(55),
    "SUV x 20.7": scaled(20.7),
    "SUV x 14": scaled(14),
    "SUV / 71": scaled(1 / 71),
    "SUV / 10^6": scaled(1e-6),
    "PET in Bq/ml (x 3400)": scaled(3400),
    "PET in kBq/ml (x 3.4)": scaled(3.4),
    "PET in % (x 100)": scaled(100),
    "PET scaled to 0..1": lambda pair: (pair[0], pair[1] / pair[1].max()),
    "negative PET": scaled(-1),
    "PET is the CT": lambda pair: (pair[0], pair[0]),
    "PET is the CT + 1024": lambda pair: (pair[0], pair[0] + 1024),
    "PET is the CT, cut at 0": lambda pair: (pair[0], np.maximum(pair[0], 0)),
    "swapped": lambda pair: (pair[1], pair[0]),
    "swapped, PET below 0": lambda pair: (pair[1] - SMEAR_SUV, pair[0]),
    "CT + 1000": lambda pair: (pair[0] + 1000, pair[1]),
    "CT + 1024 with noise": lambda pair: (noisy(pair[0]) + 1024, pair[1]),
    "CT in 0..4095": lambda pair: (np.clip(pair[0] + 1024, 0, 4095), pair[1]),
    "CT scaled to 0..1": lambda pair: ((np.clip(pair[0], -1000, 1000) + 1000) / 2000, pair[1]),
    "CT scaled to -1..1": lambda pair: (np.clip(pair[0], -1000, 1000) / 1000, pair[1]),
    "CT x 10": lambda pair: (pair[0] * 10, pair[1]),
}


def main() -> None:
    args = parse_arguments()
    studies = sorted(path.parent for folder in args.folders for path in folder.rglob("SUV.nii.gz"))
    sizes_mm = [None, *args.crops_mm] if args.crops else [None]
    refused = {fault: {size_mm: [] for size_mm in sizes_mm} for fault in FAULTS}
    rng = np.random.default_rng(args.seed)
    for study in studies:
        pair, spacing_mm = read_study(study)
        for size_mm in sizes_mm:
            for part in [pair] if size_mm is None else crops(pair, size_mm / spacing_mm, args.crops, rng):
                for fault, change in FAULTS.items():
                    refused[fault][size_mm].append(refusal(change(part), spacing_mm))
    print_table(refused)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--crops-mm", type=float, nargs="+", default=[64, 96, 128, 200, 320], metavar="MM")
    parser.add_argument("--crops", type=int, default=0, metavar="N", help="cubes of each size from each study")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_study(folder: Path) -> tuple[Pair, np.ndarray]:
    """((CT in HU, PET in SUV), spacing in mm), axes (z, y, x)."""
    ct, pet = (read_image(folder / f"{stem}.nii.gz") for stem in ("CTres", "SUV"))
    arrays = tuple(sitk.GetArrayFromImage(image).astype(np.float32) for image in (ct, pet))
    return arrays, np.array(pet.GetSpacing()[::-1])


def crops(pair: Pair, size: np.ndarray, n: int, rng: np.random.Generator) -> Iterator[Pair]:
    """Cubes of `size` voxels whose centers are drawn from the body; a scanner's table has no uptake."""
    body = np.argwhere((pair[0] > BODY_ABOVE_HU) & (pair[1] > 0.1))
    shape = np.array(pair[0].shape)
    size = np.minimum(np.rint(size).astype(int), shape)
    for center in rng.choice(body, n):
        start = np.clip(center - size // 2, 0, shape - size)
        region = tuple(slice(a, a + b) for a, b in zip(start, size, strict=True))
        yield pair[0][region], pair[1][region]


def refusal(pair: Pair, spacing_mm: np.ndarray) -> str:
    """Why a pair is refused; empty where it is not."""
    channels = [Channel(MODALITIES[key], values, key) for key, values in zip(("ct", "pet"), pair, strict=True)]
    try:
        require_plausible_case(channels, float(np.prod(spacing_mm)) / 1000)
    except CaseRefused as error:
        return str(error)
    return ""


def print_table(refused: dict[str, dict[float | None, list[str]]]) -> None:
    names = ["whole" if size_mm is None else f"{size_mm:g} mm" for size_mm in refused["as they are"]]
    print("| refused | " + " | ".join(names) + " |\n|---" + "|---" * len(names) + "|")
    for fault, by_size in refused.items():
        shares = [f"{sum(map(bool, reasons))} of {len(reasons)}" for reasons in by_size.values()]
        print(f"| {fault} | " + " | ".join(shares) + " |")
    for reason in {reason for by_size in list(refused.values())[:3] for some in by_size.values() for reason in some} - {
        ""
    }:
        print("wrongly refused:", reason)


if __name__ == "__main__":
    main()
