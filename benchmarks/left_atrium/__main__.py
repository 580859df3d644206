"""Entry of `python -m benchmarks.left_atrium`; see the package's docstring."""

import argparse
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import benchmarks.left_atrium as package
from benchmarks.left_atrium.dataset import DEVELOPMENT, NAMES, TEST, make_dataset
from benchmarks.left_atrium.report import write_report
from benchmarks.left_atrium.size import METHODS, PublishedSize, Size, row_name
from benchmarks.left_atrium.training import is_done, result_file, run_row

RESULTS = Path(__file__).parents[1] / "results" / "left_atrium"
DEVELOPED = "development"


def main() -> int:
    args = parse_arguments()
    size, deadline = PublishedSize() if args.published else Size(), time.monotonic() + 60 * args.minutes
    out = args.out or RESULTS.with_name(f"{RESULTS.name}{size.results_suffix}")
    for n in args.labels:
        make_dataset(args.data, args.folder.resolve() / f"labels_{n}", n, size)
    rows = list(product(args.labels, args.seeds, args.methods))
    out, cases = (out / DEVELOPED, DEVELOPMENT) if args.development else (out, TEST)

    def run(row: tuple[int, int, str]) -> bool:
        n, seed, method = row
        folder = args.folder.resolve() / f"labels_{n}"
        measured = result_file(out, n, method, seed)
        if is_done(measured, size) or time.monotonic() > deadline:
            return True
        try:
            run_row(folder, method, seed, size, cases, measured, args.device)
        except subprocess.CalledProcessError as error:
            print(f"{method}, {n} labels, seed {seed}: FAILED, see {folder / 'logs'} ({error.cmd[0]})", flush=True)
            return False
        print(f"{method}, {n} labels, seed {seed}: done", flush=True)
        return True

    with ThreadPoolExecutor(args.processes) as pool:
        succeeded = list(pool.map(run, rows))
    print(write_report(out, NAMES[cases], size.about))
    return int(not all(succeeded))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=package.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the images and lists")
    parser.add_argument("folder", type=Path, help="folder to work in; a later call goes on there")
    parser.add_argument("--labels", type=int, nargs="+", default=[8], help="numbers of labeled cases")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument(
        "--methods",
        nargs="+",
        type=row_name,
        default=list(METHODS),
        metavar="METHOD[@WEIGHT]",
        help="also at another weight than the default (default: all)",
    )
    parser.add_argument(
        "--development",
        action="store_true",
        help="measure the last 30 training cases, for choices, instead of the test cases",
    )
    parser.add_argument(
        "--published",
        action="store_true",
        help="the published size, for images at full resolution and a GPU; CFR downloads vit_b",
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time, a core each")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no training after this time")
    parser.add_argument("--out", type=Path, help="rows that are done, and the table (default: benchmarks/results/...)")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
