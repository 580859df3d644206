"""Tables of a benchmark: a row per session from the rows of its steps, teachers side by side, paired tests."""

import numpy as np
import pandas as pd

from nnunetv2_muduo.evaluation.aggregate import ALL_ORGANS
from nnunetv2_muduo.evaluation.compare import compare_methods
from nnunetv2_muduo.evaluation.text import COMPARISON_NOTES, comparison_cells, markdown_table
from nnunetv2_muduo.prompting.protocols import Protocol
from nnunetv2_muduo.prompting.scores import area

KEYS = ["method", "case", "organ"]
NAMES = {
    "dice": "Dice",
    "nsd": "NSD 2 mm",
    "lesion_f1": "lesion-wise F1",
    "false_positive_ml": "false-positive volume (ml)",
    "false_negative_ml": "false-negative volume (ml)",
}
"""Measures of a step for readers."""
AREA, FINAL = "_area", "_final"
COMPARED = ("compared", "organ", "difference", "95 % interval", "p", "p (Holm)", "n")


def table_of_sessions(steps: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """A row per method, case and organ.

    Args:
        steps: columns `method`, `case`, `organ` and those of `run_case`, steps in their order.

    Returns:
        Area under the curve and last value of every measure (`dice_area`, `dice_final`, ...), `seconds` (the median of a
        prompt's answer), `encode_s` (all encoding of the case so far), `peak_mb`, `n_prompts`, and `obeyed`: the share of steps.
    """
    rows = []
    for keys, of_session in steps.groupby(KEYS, sort=False):
        counted = of_session[of_session["step"] >= protocol.first_counted]
        row = dict(zip(KEYS, keys, strict=True))
        for measure in NAMES:
            row[f"{measure}{AREA}"] = area(counted[measure])
            row[f"{measure}{FINAL}"] = counted[measure].iloc[-1]
        last = of_session.iloc[-1]
        row |= {"n_prompts": last["n_prompts"], "seconds": of_session["seconds"].median()}
        row |= {"encode_s": last["encode_s"], "peak_mb": last["peak_mb"], "obeyed": of_session["obeyed"].mean()}
        rows.append(row)
    return pd.DataFrame(rows)


def compared(sessions: pd.DataFrame, protocol: Protocol) -> pd.DataFrame | None:
    """The first teacher against each other one by the protocol's measures; None for one alone. See `compare_methods`."""
    if sessions["method"].nunique() == 1:
        return None
    measures = [f"{measure}{end}" for measure in protocol.measures for end in (AREA, FINAL)]
    return compare_methods(sessions, np.random.default_rng(0), measures=measures)


def text_of(sessions: pd.DataFrame, comparison: pd.DataFrame | None, protocol: Protocol) -> str:
    """Teachers side by side, by what the protocol ranks by, then paired tests."""
    columns = {
        f"{measure}{end}": f"{NAMES[measure]}, {what}"
        for measure in protocol.measures
        for end, what in ((AREA, "area"), (FINAL, "last step"))
    }
    rows = [
        [method, *(f"{of[c].mean():.3f}" for c in columns), *_cost_cells(of)]
        for method, of in sessions.groupby("method", sort=False)
    ]
    heading = ["teacher", *columns.values(), "s a prompt", "s encoding", "peak GB", "obeyed"]
    n_sessions = len(sessions) // sessions["method"].nunique()
    largest_area = protocol.n_steps - 1 - protocol.first_counted
    parts = [
        f"## {protocol.title}: {protocol.n_steps} steps, {protocol.of_a_step}; means over {n_sessions} session(s)",
        markdown_table(heading, rows),
        f"Areas under curves of shares are up to {largest_area}. Obeyed: steps in which each click was.",
    ]
    if comparison is not None:
        parts += [markdown_table(COMPARED, _comparison_rows(comparison, columns)), COMPARISON_NOTES]
    return "\n\n".join(parts) + "\n"


def _cost_cells(sessions: pd.DataFrame) -> list[str]:
    by_case = sessions.groupby("case")["encode_s"].max()  # adds up over the objects of a case
    peak = sessions["peak_mb"].max()
    peak_gb = "–" if pd.isna(peak) else f"{peak / 1024:.1f}"
    return [
        f"{sessions['seconds'].median():.2f}",
        f"{by_case.mean():.2f}",
        peak_gb,
        f"{sessions['obeyed'].mean():.1%}",
    ]


def _comparison_rows(comparison: pd.DataFrame, columns: dict[str, str]) -> list[list[str]]:
    """Without the row over organs where there is one organ alone."""
    if comparison["organ"].nunique() == 2:
        comparison = comparison[comparison["organ"] != ALL_ORGANS]
    return [
        [f"{row.method} minus {row.other}: {columns[row.measure]}", *comparison_cells(row, n_decimals=3)]
        for row in comparison.itertuples()
    ]
