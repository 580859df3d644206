"""Command line, fair timing, and printed and written figures of the benchmarks.

Import this before torch: it makes OpenMP's threads sleep while they wait for each other. By default they spin, and beside
other processes that takes the processor away from the very thread they wait for: many short operations then suffer far
more than few long ones, and ratios scatter.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nnunetv2_muduo.parallel import n_cores
from nnunetv2_muduo.process_memory import peak_mb, resident_mb, restart_peak


def parse_arguments(description: str) -> argparse.Namespace:
    """--device, --threads and --json; sets the number of torch's threads."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--threads", type=int, default=n_cores(), help="of torch (default: all %(default)s cores)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all figures")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    return args


def seconds(run: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
    """Time of one call, until the device is done, and what it returns."""
    synchronize(device)
    start = time.perf_counter()
    result = run()
    synchronize(device)
    return time.perf_counter() - start, result


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def side_by_side(
    runs: dict[str, Callable[[], Any]], n_repeats: int, device: torch.device
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Times of several ways to do one thing, which take turns, and their last results.

    What else the machine does then meets all of them alike; compare them with `median_ratio`.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    results = {}
    for _ in range(n_repeats):
        for name, run in runs.items():
            time_s, results[name] = seconds(run, device)
            times[name].append(time_s)
    return times, results


def median_ratio(numerators: list[float], denominators: list[float]) -> float:
    """Median of the ratios of paired times."""
    return statistics.median(a / b for a, b in zip(numerators, denominators, strict=True))


def relative_error(value: torch.Tensor, expected: torch.Tensor) -> float:
    """Norm of the difference over the norm of what is expected."""
    return ((value - expected).norm() / expected.norm()).item()


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures were measured on, and how busy that was."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "cpu": _cpu_name(),
        "n_cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "load_average": load_average(),
    }


def load_average() -> float | None:
    """Processes that wanted to run in the last minute, where the system tells."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def peak_memory_mb(run: Callable[[], Any], device: torch.device) -> int | None:
    """Memory that a call takes at its peak, beyond what was in use before; on the CPU resident memory, Linux only."""
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run()
        return (torch.cuda.max_memory_allocated(device) - before) // 2**20
    restart_peak()
    before = resident_mb()
    run()
    peak = peak_mb()
    return None if peak is None or before is None else peak - before


def report(args: argparse.Namespace, figures: dict[str, Any], rows: list[tuple[str, str]]) -> None:
    """Print rows (what, value) as a table, and write the figures to --json."""
    print_table(rows)
    keep(args, figures)


def print_table(rows: list[tuple[str, str]]) -> None:
    """Rows (what, value) as Markdown."""
    width = max(len(what) for what, _ in rows)
    print(
        "\n".join(f"| {what:{width}} | {value} |" for what, value in [("what", "value"), ("-" * width, "---"), *rows])
    )


def keep(args: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Write the figures to --json, where it is given."""
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
