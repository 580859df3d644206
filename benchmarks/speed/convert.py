"""Speed of `muduo convert autopet`: against plain copying, and how much of --link is reading and checking.

    python benchmarks/convert.py [--studies 8] [--size 200 200 160] [-np 2] [--folder DIR]

Writes generated studies (int16 CT, float32 SUV, uint8 labels, .nii.gz) and prints a Markdown table. All files are in the
page cache when they are read, so that disks don't count.
"""

import argparse
import os
import shutil
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion import convert as conversion
from nnunetv2_muduo.conversion.convert import Options
from nnunetv2_muduo.conversion.sources import convert_autopet_tumor
from nnunetv2_muduo.conversion.split import SetSizes


def write_studies(source: Path, n_studies: int, size_xyz: list[int]) -> None:
    """Studies with smooth anatomy and noise, so that they compress about as real ones do."""
    for number in range(n_studies):
        rng = np.random.default_rng(number)
        shape = size_xyz[::-1]
        body = (
            sum(
                (np.linspace(-1, 1, n).reshape([-1 if i == axis else 1 for i in range(3)]) ** 2)
                for axis, n in enumerate(shape)
            )
            < 0.8
        )
        ct_hu = np.where(body, 40, -1000) + rng.normal(0, 15, shape)
        pet_suv = np.where(body, 1.5, 0.0) * rng.gamma(8, 1 / 8, shape)
        folder = source / f"PETCT_{number:010x}" / "study"
        folder.mkdir(parents=True)
        for stem, array in (
            ("CTres", ct_hu.astype(np.int16)),
            ("SUV", pet_suv.astype(np.float32)),
            ("SEG", (pet_suv > 3).astype(np.uint8)),
        ):
            image = sitk.GetImageFromArray(array)
            image.SetSpacing((2.04, 2.04, 3.0))
            sitk.WriteImage(image, str(folder / f"{stem}.nii.gz"), useCompression=True)


def timed_conversion(source: Path, folder: Path, link: bool, n_processes: int) -> dict[str, float]:
    """Seconds of a whole conversion and of its reading and checking."""
    os.environ["nnUNet_raw"] = str(folder)
    os.environ.pop("nnUNet_preprocessed", None)
    seconds, check_all = {}, conversion.check_all

    def timed_check(*arguments):
        start = time.perf_counter()
        result = check_all(*arguments)
        seconds["check"] = time.perf_counter() - start
        return result

    conversion.check_all = timed_check
    start = time.perf_counter()
    options = Options(1, "Bench", SetSizes(2, 1, 1), link=link, n_processes=n_processes)
    with redirect_stdout(StringIO()):
        assert convert_autopet_tumor(source, options) == 0
    conversion.check_all = check_all
    return seconds | {"all": time.perf_counter() - start}


def timed_copy(source: Path, folder: Path) -> float:
    start = time.perf_counter()
    shutil.copytree(source, folder)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=8)
    parser.add_argument("--size", type=int, nargs=3, default=[200, 200, 160])
    parser.add_argument("-np", dest="n_processes", type=int, default=2)
    parser.add_argument("--folder", help="where to work (default: a temporary folder)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        source = Path(folder) / "source"
        write_studies(source, args.studies, args.size)
        n_bytes = sum(path.stat().st_size for path in source.rglob("*.nii.gz"))
        copy_s = timed_copy(source, Path(folder) / "plain")
        print(f"{args.studies} studies of {args.size} voxels, {n_bytes / 1e6:.0f} MB, {args.n_processes} processes\n")
        print("| way | s | studies/s | reading and checking |\n|---|---|---|---|")
        print(f"| plain copy | {copy_s:.2f} | {args.studies / copy_s:.2f} | |")
        for link in (True, False):
            for n_processes in sorted({1, args.n_processes}):
                s = timed_conversion(source, Path(folder) / f"{link}{n_processes}", link, n_processes)
                name = f"{'--link' if link else '--copy'} -np {n_processes}"
                print(f"| {name} | {s['all']:.2f} | {args.studies / s['all']:.2f} | {s['check'] / s['all']:.0%} |")


if __name__ == "__main__":
    main()
