"""Speed of `muduo convert autopet`: against plain copying, and how much of --link is reading and checking.

    python -m benchmarks.speed.convert [--studies 8] [--size 200 200 160] [-np 2] [--folder DIR]

Writes generated studies (int16 CT, float32 SUV, uint8 labels, .nii.gz) and prints a Markdown table. All files are in the
page cache when they are read, so that disks don't count. Reading and checking is what a dry run does.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.options import Options
from nnunetv2_muduo.conversion.sources import convert_autopet_tumor
from nnunetv2_muduo.conversion.split import SetSizes

SPACING_MM = (2.04, 2.04, 3.0)


def main() -> None:
    args = parse_arguments()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        source = Path(folder) / "source"
        for number in range(args.studies):
            write_study(source / f"PETCT_{number:010x}" / "study", number, args.size)
        n_bytes = sum(path.stat().st_size for path in source.rglob("*.nii.gz"))
        print(f"{args.studies} studies of {args.size} voxels, {n_bytes / 1e6:.0f} MB, {args.n_processes} processes\n")
        print("| way | s | studies/s | reading and checking |\n|---|---|---|---|")
        copy_s = seconds(partial(shutil.copytree, source, Path(folder) / "plain"))
        print(f"| plain copy | {copy_s:.2f} | {args.studies / copy_s:.2f} | |")
        for link in (True, False):
            for n_processes in sorted({1, args.n_processes}):
                name = f"{'--link' if link else '--copy'} -np {n_processes}"
                options = Options(1, "Bench", SetSizes(2, 1, 1), link=link, n_processes=n_processes)
                all_s, check_s = time_conversion(source, Path(folder) / name, options)
                print(f"| {name} | {all_s:.2f} | {args.studies / all_s:.2f} | {check_s / all_s:.0%} |")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=8)
    parser.add_argument("--size", type=int, nargs=3, default=[200, 200, 160])
    parser.add_argument("-np", dest="n_processes", type=int, default=2)
    parser.add_argument("--folder", help="where to work (default: a temporary folder)")
    return parser.parse_args()


def write_study(folder: Path, seed: int, size_xyz: list[int]) -> None:
    """A study with smooth anatomy and noise, so that it compresses about as a real one does."""
    rng, shape = np.random.default_rng(seed), size_xyz[::-1]
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    body = sum(axis**2 for axis in axes) < 0.8
    ct_hu = np.where(body, 40, -1000) + rng.normal(0, 15, shape)
    pet_suv = np.where(body, 1.5, 0.0) * rng.gamma(8, 1 / 8, shape)
    arrays = {
        "CTres": ct_hu.astype(np.int16),
        "SUV": pet_suv.astype(np.float32),
        "SEG": (pet_suv > 3).astype(np.uint8),
    }
    folder.mkdir(parents=True)
    for stem, array in arrays.items():
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(SPACING_MM)
        sitk.WriteImage(image, str(folder / f"{stem}.nii.gz"), useCompression=True)


def time_conversion(source: Path, folder: Path, options: Options) -> tuple[float, float]:
    """Seconds of a whole conversion into `folder`, and of its dry run."""
    os.environ["nnUNet_raw"] = str(folder)
    os.environ.pop("nnUNet_preprocessed", None)
    check_s = seconds(partial(convert, source, replace(options, dry_run=True)))
    return seconds(partial(convert, source, options)), check_s


def convert(source: Path, options: Options) -> None:
    with redirect_stdout(StringIO()):
        assert convert_autopet_tumor(source, options) == 0


def seconds(run: Callable) -> float:
    """Not `measure.seconds`: every process of the conversion would import torch with it, in the time that is measured."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
