"""Table of the rows that are done, beside the published figures, which are of the full-size task."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.left_atrium.size import METHODS, SUPERVISED
from nnunetv2_muduo.storage import read_json

MEASURES = {  # key of a case's measure: heading, factor
    "dice": ("Dice (%)", 100),
    "jaccard": ("Jaccard (%)", 100),
    "asd_voxel": ("ASD (voxels)", 1),
    "hd95_voxel": ("HD95 (voxels)", 1),
}


def write_report(out: Path) -> str:
    """Markdown of every number of labels with rows in `out`, written there and returned."""
    parts = ["# Left atrium\n", Path(__file__).with_name("about.md").read_text(encoding="utf-8")]
    for n in sorted(int(folder.name.removeprefix("labels_")) for folder in out.glob("labels_*")):
        parts.append(f"\n## {n} labels\n\n{table(rows_of(out / f'labels_{n}'))}")
    text = "\n".join(parts)
    (out / "summary.md").write_text(text, encoding="utf-8")
    return text


def rows_of(folder: Path) -> dict[str, list[dict]]:
    """By method, the results of its seeds."""
    rows = defaultdict(list)
    for file in sorted(folder.glob("*.json")):
        result = read_json(file)
        rows[result["method"]].append(result)
    return rows


def table(rows: dict[str, list[dict]]) -> str:
    """A line per method: means over cases and seeds, the spread over seeds, the gain over supervised at the same seeds."""
    heads = [head for head, _ in MEASURES.values()]
    lines = [
        f"| method | seeds | {' | '.join(heads)} | Dice against supervised | hours |",
        "|---" * (len(heads) + 4) + "|",
    ]
    for method in sorted(rows, key=METHODS.index):
        values = [" ± ".join(_mean_and_spread(rows[method], key, factor)) for key, (_, factor) in MEASURES.items()]
        hours = np.mean([row["train_seconds"] for row in rows[method]]) / 3600
        lines.append(f"| {method} | {len(rows[method])} | {' | '.join(values)} | {_gain(rows, method)} | {hours:.1f} |")
    return "\n".join(lines) + "\n"


def mean_of(row: dict, key: str) -> float:
    """Mean of a measure over a row's test cases; a case without a mask has no distance."""
    return float(np.nanmean([case[key] for case in row["cases"].values()]))


def _mean_and_spread(of_seeds: list[dict], key: str, factor: float) -> list[str]:
    means = [factor * mean_of(row, key) for row in of_seeds]
    return [f"{np.mean(means):.2f}", *([f"{np.std(means, ddof=1):.2f}"] if len(means) > 1 else [])]


def _gain(rows: dict[str, list[dict]], method: str) -> str:
    supervised = {row["seed"]: mean_of(row, "dice") for row in rows.get(SUPERVISED, [])}
    gains = [
        100 * (mean_of(row, "dice") - supervised[row["seed"]]) for row in rows[method] if row["seed"] in supervised
    ]
    return ", ".join(f"{gain:+.1f}" for gain in gains) if method != SUPERVISED else ""
