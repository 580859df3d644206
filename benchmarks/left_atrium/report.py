"""Table of the rows that are done, beside the published figures, which are of the full-size task."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.left_atrium.size import SUPERVISED, Size, position_in_tables
from nnunetv2_muduo.evaluation.compare import wilcoxon_p
from nnunetv2_muduo.storage import read_json

MEASURES = {  # key of a case's measure: heading, factor
    "dice": ("Dice (%)", 100),
    "jaccard": ("Jaccard (%)", 100),
    "asd_voxel": ("ASD (voxels)", 1),
    "hd95_voxel": ("HD95 (voxels)", 1),
}
PUBLISHED_CFR, PUBLISHED_MEAN_TEACHER = 74.40, 29.68
"""Dice in percent with one labeled case, by the abstract of arXiv 2403.11229."""
PUBLISHED_RATIO = PUBLISHED_CFR / PUBLISHED_MEAN_TEACHER


def write_report(out: Path, cases: str, about_file: str = Size.about) -> str:
    """Markdown of every number of labels with rows in `out`, which tell of `cases`, written there and returned."""
    about = Path(__file__).with_name(about_file).read_text(encoding="utf-8")
    parts = ["# Left atrium\n", about.format(cases=cases)]
    for n in sorted(int(folder.name.removeprefix("labels_")) for folder in out.glob("labels_*")):
        rows = rows_of(out / f"labels_{n}")
        parts.append(f"\n## {n} label{'s' if n > 1 else ''}\n\n{table(rows)}{ratio_to_mean_teacher(rows)}")
    text = "\n".join(parts)
    out.mkdir(parents=True, exist_ok=True)
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
    """A line per method: means over cases and seeds, the spread over seeds, and what it gains over supervised training.

    That is by seed: the mean difference, in how many cases it is above 0, and the p of Wilcoxon's test over cases.
    """
    heads = [head for head, _ in MEASURES.values()]
    lines = [
        f"| method | seeds | {' | '.join(heads)} | Dice against supervised, by seed | cases ahead, p | hours |",
        "|---" * (len(heads) + 5) + "|",
    ]
    for method in sorted(rows, key=position_in_tables):
        values = [" ± ".join(_mean_and_spread(rows[method], key, factor)) for key, (_, factor) in MEASURES.items()]
        hours = np.mean([row["train_seconds"] for row in rows[method]]) / 3600
        gains = f"{_gain(rows, method)} | {_ahead(rows, method)}"
        lines.append(f"| {method} | {len(rows[method])} | {' | '.join(values)} | {gains} | {hours:.1f} |")
    return "\n".join(lines) + "\n"


def ratio_to_mean_teacher(rows: dict[str, list[dict]]) -> str:
    """A line on CFR's Dice over Mean Teacher's at the same seeds, beside the published one; empty where one is missing."""
    ratios = [
        mean_of(cfr, "dice") / mean_of(other, "dice") for cfr, other in _at_same_seeds(rows, "CFR", "MeanTeacher")
    ]
    if not ratios:
        return ""
    published = f"published with 1 label: {PUBLISHED_CFR:.2f} / {PUBLISHED_MEAN_TEACHER:.2f} = {PUBLISHED_RATIO:.1f}"
    return f"\nDice of CFR / Mean Teacher by seed: {', '.join(f'{ratio:.2f}' for ratio in ratios)} ({published}).\n"


def mean_of(row: dict, key: str) -> float:
    """Mean of a measure over a row's test cases; a case without a mask has no distance."""
    return float(np.nanmean([case[key] for case in row["cases"].values()]))


def _mean_and_spread(of_seeds: list[dict], key: str, factor: float) -> list[str]:
    means = [factor * mean_of(row, key) for row in of_seeds]
    return [f"{np.mean(means):.2f}", *([f"{np.std(means, ddof=1):.2f}"] if len(means) > 1 else [])]


def _gain(rows: dict[str, list[dict]], method: str) -> str:
    return ", ".join(f"{100 * differences.mean():+.1f}" for differences in _differences(rows, method))


def _ahead(rows: dict[str, list[dict]], method: str) -> str:
    return ", ".join(
        f"{(differences > 0).sum()} of {len(differences)} ({wilcoxon_p(differences):.2g})"
        for differences in _differences(rows, method)
    )


def _differences(rows: dict[str, list[dict]], method: str) -> list[np.ndarray]:
    """Dice of the method minus that of supervised training for each test case, by the seeds that both have."""
    pairs = [] if method == SUPERVISED else _at_same_seeds(rows, method, SUPERVISED)
    return [
        np.array([row["cases"][case]["dice"] - own["dice"] for case, own in of["cases"].items()]) for row, of in pairs
    ]


def _at_same_seeds(rows: dict[str, list[dict]], method: str, other: str) -> list[tuple[dict, dict]]:
    """Results of two methods, for each seed that both have."""
    of_other = {row["seed"]: row for row in rows.get(other, [])}
    return [(row, of_other[row["seed"]]) for row in rows.get(method, []) if row["seed"] in of_other]
