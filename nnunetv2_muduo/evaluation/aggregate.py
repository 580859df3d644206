"""Means over cases and organs, by our rules and by those of MuDuo's released code (docs/evaluation.md)."""

import numpy as np
import pandas as pd

from nnunetv2_muduo.evaluation.measures import published_measures

KEYS = ["method", "case", "organ"]
ALL_ORGANS = "mean over organs"


def summarize(table: pd.DataFrame) -> pd.DataFrame:
    """Means over cases per organ, then over the organs that occur in the truth, so that methods share the same organs.

    Args:
        table: columns `method`, `case`, `organ` and the measures; NaN is left out and lowers `n`.

    Returns:
        Columns `method`, `organ`, `measure`, `mean`, `std` (of the sample), `n` (cases that have a value). The rows
        `mean over organs` hold the mean of the organs' means, of their standard deviations, and the sum of their `n`.
    """
    return _summarize(table, table.loc[table["volume_truth_ml"] > 0, "organ"].unique(), ddof=1)


def summarize_published(table: pd.DataFrame) -> pd.DataFrame:
    """Means of `published` over cases, then over all organs, with the population's standard deviation."""
    return _summarize(published(table), table["organ"].unique(), ddof=0)


def _summarize(table: pd.DataFrame, counted_organs: np.ndarray, ddof: int) -> pd.DataFrame:
    groups = table.drop(columns="case").groupby(["method", "organ"], sort=False)
    statistics = {"mean": groups.mean(), "std": groups.std(ddof=ddof), "n": groups.count()}
    long = {name: values.rename_axis(columns="measure").stack() for name, values in statistics.items()}
    organs = pd.concat(long, axis=1).query("n > 0").reset_index()
    counted = organs[organs["organ"].isin(counted_organs)].groupby(["method", "measure"], sort=False)
    overall = counted.agg({"mean": "mean", "std": "mean", "n": "sum"}).reset_index().assign(organ=ALL_ORGANS)
    return pd.concat([organs, overall], ignore_index=True)


def published(table: pd.DataFrame) -> pd.DataFrame:
    """The same cases counted by the rules of the MuDuo paper's released code, with rightly named columns.

    Distances are in voxels. An organ on neither side counts Dice 1; one on a single side counts Dice 0 and RAVD 1;
    both count a distance of 0, which favors methods that miss organs: for comparison with the paper only.
    """
    result = table[[*KEYS, *(measure.name for measure in published_measures())]].copy()
    one_side = table["missed"].astype(bool) | table["false_positive"].astype(bool)
    neither = (table["volume_prediction_ml"] == 0) & (table["volume_truth_ml"] == 0)
    for measure in published_measures():
        result.loc[neither, measure.name], result.loc[one_side, measure.name] = measure.published
    return result
