"""Text tables for the console and for a paper; they are valid Markdown."""

import textwrap
from collections.abc import Iterable, Sequence

import pandas as pd

from nnunetv2_muduo.evaluation.aggregate import ALL_ORGANS
from nnunetv2_muduo.evaluation.measures import (
    ACCURACY,
    VOLUMES,
    Measure,
    compared_measures,
    measures_in,
    published_measures,
)
from nnunetv2_muduo.evaluation.metrics import Tolerances
from nnunetv2_muduo.evaluation.results import Results
from nnunetv2_muduo.tables import markdown_cell, markdown_text

NOTES = (
    "Cells are mean ± standard deviation over cases; the last row is the mean of the organs' means ± the mean of their "
    "standard deviations. {definitions} A missed organ (truth without prediction; out of the cases that have it) and a "
    "false positive (prediction without truth) count Dice 0 and NSD 0 and have no distances. An organ on neither side "
    "counts nowhere; organs that no truth has are left out of the last row."
)
PUBLISHED_NOTES = (
    "For comparison with the MuDuo paper only. Distances in voxels; an organ on one side only counts Dice 0, RAVD 1 and "
    "distance 0; an organ on neither side counts Dice 1 and distance 0; population standard deviation. Columns are named by "
    "what they hold; the paper's own ASD and HD95 columns are most likely swapped."
)
COMPARISON_NOTES = (
    "Difference: first minus other method, mean over the n cases in which both have a value, with a 95 % bootstrap interval "
    "over cases. p: Wilcoxon signed rank test, two-sided; p (Holm): corrected for the number of organs."
)
LINE_LENGTH = 120


def results_text(results: Results, tolerances: Tolerances) -> str:
    """All tables of an evaluation, one below the other, with their explanations."""
    parts = [evaluation_text(results, tolerances)]
    if results.published is not None:
        parts.append(published_text(results.published, tolerances))
    if results.comparison is not None:
        parts.append(comparison_text(results.comparison, tolerances))
    return "\n\n".join(parts) + "\n"


def evaluation_text(results: Results, tolerances: Tolerances) -> str:
    """Per method a table of accuracy, and one of volumes and, with PET, uptake."""
    volumes = [measure for measure in measures_in(VOLUMES) if measure.name in results.measures]
    with_uptake = any(measure.needs_pet for measure in volumes)
    parts = []
    for method, summary in results.summary.groupby("method", sort=False):
        failures = failure_cells(results.measures[results.measures["method"] == method])
        parts += [f"## {markdown_text(method)}", summary_text(summary, measures_in(ACCURACY), tolerances, failures)]
        parts += [
            f"### Volumes{' and uptake' * with_uptake} of {markdown_text(method)}",
            summary_text(summary, volumes, tolerances),
        ]
    return "\n\n".join([*parts, textwrap.fill(NOTES.format(definitions=definitions_text(tolerances)), LINE_LENGTH)])


def definitions_text(tolerances: Tolerances) -> str:
    """What the measures of accuracy are, in a sentence each."""
    explained = [measure for measure in measures_in(ACCURACY) if measure.definition]
    return " ".join(f"{measure.heading_with(tolerances)}: {measure.definition}." for measure in explained)


def published_text(published: pd.DataFrame, tolerances: Tolerances) -> str:
    """One table per method by the published rules."""
    parts = [
        f"## {markdown_text(method)}, counted as published\n\n{summary_text(summary, published_measures(), tolerances)}"
        for method, summary in published.groupby("method", sort=False)
    ]
    return "\n\n".join([*parts, textwrap.fill(PUBLISHED_NOTES, LINE_LENGTH)])


def comparison_text(comparison: pd.DataFrame, tolerances: Tolerances) -> str:
    """One table per compared measure and method."""
    measures = {measure.name: measure for measure in compared_measures()}
    parts = []
    for (method, other, name), rows in comparison.groupby(["method", "other", "measure"], sort=False):
        measure = measures[name]
        heading = ["organ", f"difference ({measure.unit})", "95 % interval", "p", "p (Holm)", "n"]
        cells = [comparison_cells(row, measure.factor) for row in rows.itertuples()]
        parts += [
            f"## {markdown_text(method)} minus {markdown_text(other)}: {measure.heading_with(tolerances)}",
            markdown_table(heading, cells),
        ]
    return "\n\n".join([*parts, textwrap.fill(COMPARISON_NOTES, LINE_LENGTH)])


def comparison_cells(row: tuple, factor: float = 1.0, n_decimals: int = 2) -> list[str]:
    """Cells of a comparison's row: organ, difference and its interval in the measure's unit, p, p by Holm, number of cases."""
    difference, low, high = (f"{value * factor:+.{n_decimals}f}" for value in (row.difference, row.ci_low, row.ci_high))
    return [row.organ, difference, f"[{low}, {high}]", f"{row.p:.3g}", f"{row.p_holm:.3g}", str(row.n)]


def summary_text(
    summary: pd.DataFrame, measures: Sequence[Measure], tolerances: Tolerances, more: pd.DataFrame | None = None
) -> str:
    """One method's summary as a table: a row per organ, a column per measure, then the columns of `more`."""
    by_key = summary.set_index(["organ", "measure"])
    more = pd.DataFrame(index=summary["organ"].unique()) if more is None else more
    rows = [
        [organ, *(_mean_and_std(by_key, organ, measure) for measure in measures), *more.loc[organ]]
        for organ in more.index
    ]
    return markdown_table(["organ", *(measure.column_with(tolerances) for measure in measures), *more.columns], rows)


def failure_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Missed and false positive organs of one method as text, indexed by organ, with a row over all organs."""
    counts = rows.assign(cases=rows["volume_truth_ml"] > 0).groupby("organ", sort=False)
    counts = counts[["missed", "false_positive", "cases"]].sum()
    counts.loc[ALL_ORGANS] = counts.sum()
    missed = counts["missed"].astype(str) + "/" + counts["cases"].astype(str)
    return pd.DataFrame({"missed": missed, "false positive": counts["false_positive"].astype(str)})


def markdown_table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Markdown table with aligned columns, the first one to the left, the others to the right."""
    rows = [[*map(markdown_cell, row)] for row in (heading, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    rule = " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))


def _mean_and_std(by_key: pd.DataFrame, organ: str, measure: Measure) -> str:
    if (organ, measure.name) not in by_key.index:
        return "–"
    mean, std = by_key.loc[(organ, measure.name), ["mean", "std"]] * measure.factor
    return f"{mean:.2f} ± {std:.2f}" if pd.notna(std) else f"{mean:.2f}"
