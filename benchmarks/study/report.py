"""Report of the study: finished experiments' CSV files as tables and a figure."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.study.experiments import DEFAULT, EXPERIMENTS, MUDUO, PET_ONLY, SUPERVISED, Experiment
from benchmarks.study.quality_table import quality_table
from benchmarks.study.split import Split
from benchmarks.study.tables import REPORTED, differences_table, means_per_seed, results_table
from nnunetv2_muduo.evaluation.text import markdown_table
from nnunetv2_muduo.tables import csv_table, from_csv

KEYS = ("n_labeled", "seed", "method", "case", "organ", "volume_truth_ml", "missed")
DRAWN = ("supervised_pet", "supervised", "ct_teacher", "pet_teacher", "muduo", "dice_0.3")
NOTES = """\
Mean over test cases, then over organs, ± the standard deviation of this mean over the seeds (each draws other labeled cases
and other weights). RAVD, ASD and HD95 leave out organs that were missed; `missed` counts these. Consistency weight 1.0
where the row names no other. A difference is one row's Dice minus another's, paired by seed and test case (means over a
case's organs, so that it is not exactly the difference of the table's means): its mean, a 95 % bootstrap interval over
cases (mean over seeds each), and the standard deviation of its mean over seeds; p: Wilcoxon signed rank over these cases,
corrected by Holm over the rows. Pseudo labels: every (patch, organ) pair of patches drawn as in training, over all batches
of two that they can form. Where both patches have the organ, the pair in better agreement is kept, the other rejected; an
organ in one patch alone is kept. Dice is the mean over organs of which some pairs are kept and some rejected, the same for
all three; `share` is of all pairs, `absent` the share of these in whose patch the organ is not, whose Dice is 0 or, where
neither side has a voxel, none."""


def write(splits: Sequence[Split], experiments: Sequence[Experiment], out: Path, heading: str) -> str:
    """Write what is finished of some experiments as CSV, Markdown and figure to `out`; returns the Markdown."""
    out.mkdir(parents=True, exist_ok=True)
    measures, pseudo_labels = (read(splits, experiments, kind) for kind in ("measures", "pseudo_labels"))
    csv_table(measures[[*KEYS, *REPORTED]].round(5)).to_csv(out / "measures.csv.gz", index=False)
    csv_table(means_per_seed(measures).reset_index()).to_csv(out / "per_seed.csv", index=False)
    if len(pseudo_labels):
        csv_table(pseudo_labels.round(4)).to_csv(out / "pseudo_labels.csv.gz", index=False)
    parts = [heading]
    for title, table in tables_by_title(measures, pseudo_labels).items():
        cells = [[str(cell) for cell in line] for line in table.itertuples(index=False)]
        parts += [f"## {title}", markdown_table(table.columns, cells)]
    text = "\n\n".join([*parts, NOTES]) + "\n"
    (out / "summary.md").write_text(text, encoding="utf-8")
    draw(measures, out / "dice_against_labels.png")
    return text


def read(splits: Sequence[Split], experiments: Sequence[Experiment], kind: str) -> pd.DataFrame:
    """The finished tables of a kind, one below the other; empty where none is finished."""
    files = [split.result_file(experiment.name, kind) for split, experiment in product(splits, experiments)]
    tables = [from_csv(pd.read_csv(file)) for file in files if file.is_file()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def tables_by_title(measures: pd.DataFrame, pseudo_labels: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables that are not empty."""
    at_default = measures[measures["method"].isin([one.name for one in (PET_ONLY, SUPERVISED, DEFAULT, MUDUO)])]
    tables = {
        "Results": results_table(measures),
        f"{DEFAULT.title}, minus rows (Dice, points)": differences_table(at_default, DEFAULT.name),
        "MuDuo minus each row (Dice, points)": differences_table(measures),
    }
    if len(pseudo_labels):
        tables["Pseudo labels of MuDuo against the hidden truth (Dice, %)"] = quality_table(pseudo_labels)
    return {title: table for title, table in tables.items() if len(table)}


def draw(measures: pd.DataFrame, path: Path) -> None:
    """Dice against the number of labels, a line per experiment, bars for the spread of the seeds."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    dice = means_per_seed(measures)["dice"] * 100
    for name in DRAWN:
        if name in dice.index.unique("method"):
            groups = dice.xs(name, level="method").groupby("n_labeled")
            mean, spread = groups.mean(), groups.std().fillna(0)
            axes.errorbar(mean.index, mean, spread, label=EXPERIMENTS[name].title, marker="o", capsize=3)
    axes.set(xlabel="labeled cases", ylabel="Dice (%)", xticks=sorted(measures["n_labeled"].unique()))
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)
