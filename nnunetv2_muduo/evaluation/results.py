"""Results of an evaluation: the measures of every case and what is computed from them once, for files and texts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from nnunetv2_muduo.evaluation.aggregate import summarize, summarize_published


@dataclass(frozen=True)
class Results:
    """All tables of an evaluation.

    measures: a row per method, case and organ.
    summary: see `summarize`.
    published: see `summarize_published`; None unless it was asked for.
    comparison: see `compare_methods`; None for one method alone.
    """

    measures: pd.DataFrame
    summary: pd.DataFrame
    published: pd.DataFrame | None
    comparison: pd.DataFrame | None


def collect_results(measures: pd.DataFrame, with_published: bool = False) -> Results:
    """Summaries and comparison of a table with the columns `method`, `case`, `organ` and the measures."""
    published = summarize_published(measures) if with_published else None
    return Results(measures, summarize(measures), published, _comparison(measures))


def _comparison(measures: pd.DataFrame) -> pd.DataFrame | None:
    if measures["method"].nunique() == 1:
        return None
    from nnunetv2_muduo.evaluation.compare import compare_methods  # scipy.stats alone takes a second to import

    return compare_methods(measures, np.random.default_rng(0))
