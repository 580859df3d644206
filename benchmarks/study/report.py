"""The study's tables and figure from the finished rows' CSV files."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.study.rows import LIGHTER, MUDUO, PET_ONLY, ROWS, SUPERVISED, Row
from benchmarks.study.scale import Setting

MEASURES = (
    ("Dice (%)", "dice", 100),
    ("RAVD (%)", "ravd", 100),
    ("ASD (mm)", "asd_mm", 1),
    ("HD95 (mm)", "hd95_mm", 1),
)
KEYS = ("n_labeled", "seed", "method", "case", "organ", "volume_truth_ml", "missed")
DRAWN = ("supervised_pet", "supervised", "ct_teacher", "pet_teacher", "muduo", "dice_0.3")
QUALITIES = ("dice_ct", "dice_pet", "dice_mixed", "dice_prompt_map", "dice_student")
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


def read(settings: Sequence[Setting], rows: Sequence[Row], kind: str) -> pd.DataFrame:
    """The finished tables of a kind, one below the other; empty where none is finished."""
    files = [setting.result_file(row.name, kind) for setting, row in product(settings, rows)]
    tables = [pd.read_csv(file) for file in files if file.is_file()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def means_per_seed(measures: pd.DataFrame) -> pd.DataFrame:
    """Mean over cases per organ, then over organs, of every measure; indexed by n_labeled, method, seed."""
    keys = ["n_labeled", "method", "seed"]
    present = measures[measures["volume_truth_ml"] > 0]
    organs = present.groupby([*keys, "organ"])[[name for _, name, _ in MEASURES]].mean()
    missed = present.groupby(keys)["missed"].mean()
    return organs.groupby(keys).mean().join(missed)


def results_table(measures: pd.DataFrame) -> pd.DataFrame:
    """The paper's layout: a line per number of labels and row, every measure as mean ± standard deviation over seeds."""
    per_seed = means_per_seed(measures)
    lines = []
    for (n_labeled, method), rows in _in_order(per_seed):
        cells = {head: _mean_and_std(rows[name] * factor) for head, name, factor in MEASURES}
        missed = {"missed (%)": f"{rows['missed'].mean() * 100:.1f}"}
        lines.append({"labels": n_labeled, "row": ROWS[method].title, "seeds": len(rows), **cells, **missed})
    return pd.DataFrame(lines)


def differences_table(measures: pd.DataFrame, row: str = MUDUO.name) -> pd.DataFrame:
    """A row's Dice minus every other row's, paired by seed and test case, for every number of labels."""
    from nnunetv2_muduo.evaluation.compare import holm, test_differences

    present = measures[measures["volume_truth_ml"] > 0]
    dice = present.groupby(["n_labeled", "method", "seed", "case"])["dice"].mean()
    lines = []
    for n_labeled in sorted(measures["n_labeled"].unique()):
        of_methods = {name: dice.loc[(n_labeled, name)] for name in dice.loc[n_labeled].index.unique("method")}
        if row not in of_methods:
            continue
        tests = [
            {"labels": n_labeled, "row": ROWS[name].title, **_paired(of_methods[row] - values, test_differences)}
            for name, values in sorted(of_methods.items(), key=lambda item: list(ROWS).index(item[0]))
            if name != row
        ]
        for test, p in zip(tests, holm([test.pop("p") for test in tests]), strict=True):
            test["p (Holm)"] = f"{p:.2g}"
        lines += tests
    return pd.DataFrame(lines)


def quality_table(pseudo_labels: pd.DataFrame, row: str = MUDUO.name) -> pd.DataFrame:
    """Pseudo labels' Dice against the hidden truth over a row's training, for kept, rejected and lone pairs.

    Of two patches with an organ the one in better agreement is kept; an organ in one patch of a batch alone is kept, too.
    Over all batches of two that the observed patches can form, a pair is each of these in a share of its batches, its weight
    among them. Means are taken over patches, then over organs, of which some pairs are kept and some rejected.
    """
    rows = pseudo_labels[pseudo_labels["method"] == row]
    moment = ["n_labeled", "seed", "epoch", "organ"]
    keys = [rows[key] for key in moment]
    agreement = rows.groupby(moment)["agreement"]
    n_others, n_worse = agreement.transform("size") - 1, agreement.rank() - 1
    counts = {"kept": n_worse, "rejected": n_others - n_worse, "alone": rows["n_patches"] - 1 - n_others}
    means = {name: _weighted_means(rows, QUALITIES, weights, keys) * 100 for name, weights in counts.items()}
    compared = means["kept"].notna() & means["rejected"].notna()
    lines = {}
    for name, weights in counts.items():
        lines[name] = means[name].where(compared).groupby(["n_labeled", "epoch"]).mean()
        of_moment = [rows["n_labeled"], rows["epoch"]]
        sums = weights.groupby(of_moment).sum()
        lines[name]["absent (%)"] = weights.where(~rows["there"], 0).groupby(of_moment).sum() / sums * 100
        lines[name].insert(0, "share (%)", sums / sum(counts.values()).groupby(of_moment).sum() * 100)
    table = pd.concat(lines, names=["pairs"]).reorder_levels(["n_labeled", "epoch", "pairs"])
    table = table.sort_index(key=lambda level: level.map(list(counts).index) if level.name == "pairs" else level)
    return table.round(1).reset_index().rename(columns=lambda name: name.removeprefix("dice_").replace("_", " "))


def draw(measures: pd.DataFrame, path: Path) -> None:
    """Dice against the number of labels, a line per row, bars for the spread of the seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    dice = means_per_seed(measures)["dice"] * 100
    for name in DRAWN:
        if name in dice.index.unique("method"):
            groups = dice.xs(name, level="method").groupby("n_labeled")
            axes.errorbar(
                groups.mean().index,
                groups.mean(),
                groups.std().fillna(0),
                label=ROWS[name].title,
                marker="o",
                capsize=3,
            )
    axes.set(xlabel="labeled cases", ylabel="Dice (%)", xticks=sorted(measures["n_labeled"].unique()))
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)


def write(settings: Sequence[Setting], rows: Sequence[Row], out: Path, heading: str) -> str:
    """Write what is finished of some rows in some settings as CSV, Markdown and figure to `out`; returns the Markdown."""
    from nnunetv2_muduo.evaluation.text import markdown_table

    out.mkdir(parents=True, exist_ok=True)
    measures, pseudo_labels = (read(settings, rows, kind) for kind in ("measures", "pseudo_labels"))
    measures[[*KEYS, *(name for _, name, _ in MEASURES)]].round(5).to_csv(out / "measures.csv.gz", index=False)
    means_per_seed(measures).reset_index().to_csv(out / "per_seed.csv", index=False)
    at_default = measures[measures["method"].isin([row.name for row in (PET_ONLY, SUPERVISED, LIGHTER, MUDUO)])]
    tables = {
        "Results": results_table(measures),
        f"{LIGHTER.title}, minus rows (Dice, points)": differences_table(at_default, LIGHTER.name),
        "MuDuo minus each row (Dice, points)": differences_table(measures),
    }
    if len(pseudo_labels):
        pseudo_labels.round(4).to_csv(out / "pseudo_labels.csv.gz", index=False)
        tables["Pseudo labels of MuDuo against the hidden truth (Dice, %)"] = quality_table(pseudo_labels)
    parts = [heading]
    for title, table in tables.items():
        if table.empty:
            continue
        cells = [[str(cell) for cell in line] for line in table.itertuples(index=False)]
        parts += [f"## {title}", markdown_table(table.columns, cells)]
    text = "\n\n".join([*parts, NOTES]) + "\n"
    (out / "summary.md").write_text(text, encoding="utf-8")
    draw(measures, out / "dice_against_labels.png")
    return text


def _in_order(per_seed: pd.DataFrame):
    groups = list(per_seed.groupby(["n_labeled", "method"]))
    return sorted(groups, key=lambda group: (group[0][0], list(ROWS).index(group[0][1])))


def _mean_and_std(values: pd.Series) -> str:
    return f"{values.mean():.1f} ± {values.std():.1f}" if len(values) > 1 else f"{values.mean():.1f}"


def _weighted_means(
    rows: pd.DataFrame, columns: Sequence[str], weights: pd.Series, keys: list[pd.Series]
) -> pd.DataFrame:
    """Means of groups without the NaN of each column; NaN where no weight is left."""
    means = {}
    for column in columns:
        present = weights.where(rows[column].notna(), 0)
        means[column] = (rows[column] * present).groupby(keys).sum() / present.groupby(keys).sum()
    return pd.DataFrame(means)


def _paired(differences: pd.Series, test_differences) -> dict:
    differences = (differences * 100).dropna()
    of_seeds = differences.groupby("seed").mean()
    per_case = differences.groupby("case").mean()  # a case's differences over seeds are not independent of each other
    test = test_differences(per_case.to_numpy(), np.random.default_rng(0), 9999)
    return {
        "difference": f"{test['difference']:+.1f}",
        "95 % interval": f"[{test['ci_low']:+.1f}, {test['ci_high']:+.1f}]",
        "± over seeds": f"{of_seeds.std():.1f}" if len(of_seeds) > 1 else "",
        "n": test["n"],
        "p": test["p"],
    }
