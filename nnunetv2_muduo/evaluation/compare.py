"""Paired comparison of one method with others on the same cases."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from nnunetv2_muduo.evaluation.aggregate import ALL_ORGANS
from nnunetv2_muduo.evaluation.measures import compared_measures

MIN_PAIRS = 2


def compare_methods(
    table: pd.DataFrame, rng: np.random.Generator, n_resamples: int = 9999, measures: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compare the table's first method with each of the others, per organ and over organs.

    Args:
        table: columns `method`, `case`, `organ` and the measures.
        rng: draws the bootstrap samples.
        measures: columns to compare by; None for those of an evaluation.

    Returns:
        Columns `method`, `other`, `measure`, `organ`, `n` (cases in which both have a value), `difference` (method
        minus other, mean over cases), `ci_low`, `ci_high` (95 %, bootstrap over cases), `p` (Wilcoxon signed rank,
        two-sided) and `p_holm` (corrected for the number of organs). Over organs, a case counts with the mean over the
        organs for which both methods have a value.
    """
    values = {name: rows.set_index(["case", "organ"]) for name, rows in table.groupby("method", sort=False)}
    method, *others = values
    measures = [measure.name for measure in compared_measures()] if measures is None else measures
    rows = []
    for other in others:
        for measure in measures:
            paired = (values[method][measure] - values[other][measure]).dropna()
            keys = {"method": method, "other": other, "measure": measure}
            rows += [{**keys, **row} for row in compare_pairs(paired, rng, n_resamples)]
    return pd.DataFrame(rows)


def compare_pairs(differences: pd.Series, rng: np.random.Generator, n_resamples: int) -> list[dict]:
    """Test differences indexed by `case` and `organ`: one row per organ, then one over organs."""
    rows = [
        {"organ": organ, **test_differences(group.to_numpy(), rng, n_resamples)}
        for organ, group in differences.groupby("organ", sort=False)
    ]
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
    case_means = differences.groupby("case").mean().to_numpy()
    overall = test_differences(case_means, rng, n_resamples)
    return [*rows, {"organ": ALL_ORGANS, **overall, "p_holm": overall["p"]}]


def test_differences(differences: np.ndarray, rng: np.random.Generator, n_resamples: int) -> dict[str, float]:
    """Mean, bootstrap interval and Wilcoxon p of paired differences; NaN with fewer than two pairs."""
    row = {"n": len(differences), "difference": differences.mean() if len(differences) else np.nan}
    if len(differences) < MIN_PAIRS:
        return {**row, "ci_low": np.nan, "ci_high": np.nan, "p": np.nan}
    interval = stats.bootstrap(
        (differences,), np.mean, n_resamples=n_resamples, method="percentile", rng=rng
    ).confidence_interval
    return {**row, "ci_low": interval.low, "ci_high": interval.high, "p": wilcoxon_p(differences)}


def wilcoxon_p(differences: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed rank test of paired differences; 1 where there is none."""
    return float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0


def holm(p_values: list[float]) -> np.ndarray:
    """Holm's step-down correction; NaN stays NaN and doesn't count."""
    p = np.array(p_values, float)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    corrected = np.full_like(p, np.nan)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return corrected
