"""Tables of the study: results of all rows, one row's differences from the others, and organs one by one."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.study.results import MEASURES, measures_table
from benchmarks.study.rows import Row
from nnunetv2_muduo.evaluation.compare import holm, test_differences

HEADINGS = {"dice": ("Dice (%)", 100), "nsd_voxel": ("NSD 1 voxel (%)", 100), "hd95_mm": ("HD95 (mm)", 1)}
N_RESAMPLES = 9999
TOLERATED = -1.0
"""Points of Dice by which an organ may be worse than supervised before the table marks it."""


def results_table(results: list[dict], n_labeled: int) -> pd.DataFrame:
    """A line per row in the order given: measures as mean ± standard deviation over seeds, and what the training costs.

    Of a seed, the mean over cases of each organ, then over organs; `strict` Dice counts an organ that a case does not have, but
    that is seen in it, as 0. Costs hold what came before the row's own training too.
    """
    measures, lines = measures_table(results), []
    for name, of_row in _by_row(results, n_labeled):
        own = measures[(measures["labels"] == n_labeled) & (measures["row"] == name)]
        per_seed = own.groupby(["seed", "organ"])[list(MEASURES)].mean().groupby("seed").mean()
        cells = {head: _mean_and_spread(per_seed[key] * factor) for key, (head, factor) in HEADINGS.items()}
        cells["strict Dice (%)"] = _mean_and_spread(100 * pd.Series([strict_dice(result) for result in of_row]))
        n_invented = [sum(result["invented"].values()) / len(result["cases"]) for result in of_row]
        cells["invented a case"] = f"{np.mean(n_invented):.2f}"
        missed = {"missed (%)": f"{100 * own['hd95_mm'].isna().mean():.1f}"}
        total = {key: np.mean([r[key] + r[f"{key}_before"] for r in of_row]) for key in ("steps", "seconds", "tflop")}
        costs = {
            "steps": f"{total['steps']:.0f}", "TFLOP": f"{total['tflop']:.1f}", "minutes": f"{total['seconds'] / 60:.1f}",
        }  # fmt: skip
        lines.append({"row": of_row[0]["title"], "seeds": len(of_row), **cells, **missed, **costs})
    return pd.DataFrame(lines)


def strict_dice(result: dict) -> float:
    """Mean over cases of each organ, then over organs, where a case without the organ counts 0 if it is seen all the same."""
    of_organ: dict[str, list[float]] = {}
    for organs in result["cases"].values():
        for organ, (dice, *_) in organs.items():
            of_organ.setdefault(organ, []).append(dice)
    invented = result["invented"]
    return float(np.mean([sum(dice) / (len(dice) + invented.get(organ, 0)) for organ, dice in of_organ.items()]))


def steps_table(results: list[dict], n_labeled: int, steps: Iterable[Row]) -> pd.DataFrame:
    """Dice of a row minus that of the row on top of which it stands, on the seeds that both have."""
    dice, lines = case_dice(results, n_labeled), []
    done = dice.index.unique("row")
    for row in steps:
        if row.name in done and row.after in done:
            differences = (dice.loc[row.name] - dice.loc[row.after]).dropna()
            lines += [{"row": row.title, **_tested(differences)}] if len(differences) else []
    return _with_corrected_p(lines)


def differences_table(results: list[dict], n_labeled: int, reference: str) -> pd.DataFrame:
    """A row's Dice minus every other one's, in points, on the seeds that both have.

    Columns: mean difference with its 95 % bootstrap interval over cases; Wilcoxon's p over cases (a case's differences are
    averaged over seeds first); the spread over seeds and the p of a paired t test over them. Both p are corrected by Holm.
    """
    dice, lines = case_dice(results, n_labeled), []
    for name, of_row in _by_row(results, n_labeled):
        if name != reference and reference in dice.index.unique("row"):
            differences = (dice.loc[reference] - dice.loc[name]).dropna()
            if len(differences):
                lines.append({"minus": of_row[0]["title"], **_tested(differences)})
    return _with_corrected_p(lines)


def case_dice(results: list[dict], n_labeled: int) -> pd.Series:
    """Dice in percent by row, seed and case, a mean over the case's organs."""
    of_labels = measures_table(results).query("labels == @n_labeled")
    return of_labels.groupby(["row", "seed", "case"])["dice"].mean() * 100


def _with_corrected_p(lines: list[dict]) -> pd.DataFrame:
    for column in ("p over cases", "p over seeds"):
        for line, p in zip(lines, holm([line[column] for line in lines]), strict=True):
            line[column] = "" if np.isnan(p) else f"{p:.2g}"
    return pd.DataFrame(lines)


def organs_table(results: list[dict], n_labeled: int, row: str, reference: str) -> pd.DataFrame:
    """Dice of every organ by a row and by a reference, on the seeds that both have; organs that lose are marked."""
    of_both = measures_table(results).query("labels == @n_labeled and row in [@row, @reference]")
    dice = of_both.groupby(["organ", "seed", "row"])["dice"].mean().unstack("row") * 100
    if dice.shape[1] < 2:
        return pd.DataFrame()
    dice = dice.dropna()
    lines = []
    for organ, seeds in dice.groupby("organ"):
        difference = seeds[row] - seeds[reference]
        loses = "worse" if difference.mean() < TOLERATED else ""
        lines.append(
            {"organ": organ, reference: _mean_and_spread(seeds[reference]), row: _mean_and_spread(seeds[row])}
            | {"difference": _mean_and_spread(difference, "+.1f"), "worse by more than a point": loses}
        )
    return pd.DataFrame(lines)


def _by_row(results: list[dict], n_labeled: int) -> Iterator[tuple[str, list[dict]]]:
    """Results of every row, in the order in which the rows first come."""
    of_labels = [result for result in results if result["labels"] == n_labeled]
    for name in dict.fromkeys(result["row"] for result in of_labels):
        yield name, [result for result in of_labels if result["row"] == name]


def _tested(differences: pd.Series) -> dict:
    """Differences are indexed by seed and case."""
    of_seeds = differences.groupby("seed").mean()
    test = test_differences(differences.groupby("case").mean().to_numpy(), np.random.default_rng(0), N_RESAMPLES)
    several = len(of_seeds) > 1
    return {
        "difference": f"{test['difference']:+.1f}",
        "95 % interval": f"[{test['ci_low']:+.1f}, {test['ci_high']:+.1f}]",
        "cases": test["n"],
        "p over cases": test["p"],
        "seeds": len(of_seeds),
        "± over seeds": f"{of_seeds.std():.1f}" if several else "",
        "p over seeds": float(stats.ttest_1samp(of_seeds, 0).pvalue) if several and of_seeds.std() > 0 else np.nan,
    }


def _mean_and_spread(values: pd.Series, form: str = ".1f") -> str:
    mean = format(values.mean(), form)
    return f"{mean} ± {values.std():.1f}" if len(values) > 1 else mean
