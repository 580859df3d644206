"""Text tables for the console and for a paper; they are valid Markdown."""

from collections.abc import Iterable

import pandas as pd

from nnunetv2_muduo.evaluation.aggregate import ALL_ORGANS, summarize, summarize_published
from nnunetv2_muduo.evaluation.metrics import Tolerances

Column = tuple[str, str, float]  # heading, measure, factor

NOTES = """\
Cells are mean ± standard deviation over cases; the last row is the mean of the organs' means ± the mean of their
standard deviations. NSD: share of both surfaces within the stated distance of the other one. HD95: 95th percentile of
the surface distances of both directions, pooled. ASD: mean distance from the predicted surface to the true one; ASSD:
both directions, pooled. RAVD: |predicted - true| / true volume. A missed organ (truth without prediction; out of the
cases that have it) and an invented one (prediction without truth) count Dice 0 and NSD 0 and have no distances. An
organ on neither side counts nowhere; organs that no truth has are left out of the last row."""
PUBLISHED_NOTES = """\
For comparison with the MuDuo paper only. Distances in voxels; an organ on one side only counts Dice 0, RAVD 1 and
distance 0; an organ on neither side counts Dice 1 and distance 0; population standard deviation. Columns are named by
what they hold; the paper's own ASD and HD95 columns are most likely swapped."""
COMPARISON_NOTES = """\
Difference: first minus other method, mean over the n cases in which both have a value, with a 95 % bootstrap interval
over cases. p: Wilcoxon signed rank test, two-sided; p (Holm): corrected for the number of organs."""
PUBLISHED_COLUMNS = [
    ("Dice (%)", "dice", 100),
    ("RAVD (%)", "ravd", 100),
    ("ASD (voxel)", "asd_voxel", 1),
    ("HD95 (voxel)", "hd95_voxel", 1),
]
UPTAKE_COLUMNS = [
    (f"{heading}, {side}", measure.format(side), 1)
    for heading, measure in (
        ("volume (ml)", "volume_{}_ml"),
        ("SUVmean", "suv_mean_{}"),
        ("SUVmax", "suv_max_{}"),
        ("total uptake (SUV ml)", "uptake_{}_suv_ml"),
    )
    for side in ("truth", "prediction")
]


def accuracy_columns(tolerances: Tolerances) -> list[Column]:
    """Columns of the main table."""
    return [
        ("Dice (%)", "dice", 100),
        (f"NSD {tolerances.mm:g} mm (%)", "nsd_mm", 100),
        ("HD95 (mm)", "hd95_mm", 1),
        ("ASSD (mm)", "assd_mm", 1),
        ("ASD (mm)", "asd_mm", 1),
        ("RAVD (%)", "ravd", 100),
    ]


def evaluation_text(table: pd.DataFrame, tolerances: Tolerances) -> str:
    """Per method a table of accuracy, and one of volumes and uptake."""
    uptake = [column for column in UPTAKE_COLUMNS if column[1] in table]
    parts = []
    for method, summary in summarize(table).groupby("method", sort=False):
        failures = failure_cells(table[table["method"] == method])
        parts += [f"## {method}", summary_text(summary, accuracy_columns(tolerances), failures)]
        parts += [
            f"### Volumes{' and uptake' * (len(uptake) > 2)} of {method}",
            summary_text(summary, uptake, failures[[]]),
        ]
    return "\n\n".join([*parts, NOTES])


def published_text(table: pd.DataFrame) -> str:
    """One table per method by the published rules."""
    parts = [
        f"## {method}, counted as published\n\n{summary_text(summary, PUBLISHED_COLUMNS)}"
        for method, summary in summarize_published(table).groupby("method", sort=False)
    ]
    return "\n\n".join([*parts, PUBLISHED_NOTES])


def comparison_text(comparison: pd.DataFrame) -> str:
    """One table per compared measure and method; overlaps in percent, distances in mm."""
    parts = []
    for (method, other, measure), rows in comparison.groupby(["method", "other", "measure"], sort=False):
        factor, unit = (1, "mm") if measure in ("assd_mm", "hd95_mm") else (100, "%")
        cells = [_comparison_cells(row, factor) for row in rows.itertuples()]
        heading = ["organ", f"difference ({unit})", "95 % interval", "p", "p (Holm)", "n"]
        parts += [f"## {method} minus {other}: {measure.removesuffix('_mm').upper()}", markdown_table(heading, cells)]
    return "\n\n".join([*parts, COMPARISON_NOTES])


def _comparison_cells(row: tuple, factor: float) -> list[str]:
    interval = f"[{row.ci_low * factor:+.2f}, {row.ci_high * factor:+.2f}]"
    return [row.organ, f"{row.difference * factor:+.2f}", interval, f"{row.p:.3g}", f"{row.p_holm:.3g}", str(row.n)]


def summary_text(summary: pd.DataFrame, columns: list[Column], more: pd.DataFrame | None = None) -> str:
    """One method's summary as a table: a row per organ, a column per measure, then the columns of `more`."""
    by_key = summary.set_index(["organ", "measure"])
    more = pd.DataFrame(index=summary["organ"].unique()) if more is None else more
    rows = []
    for organ in more.index:
        cells = [_mean_and_std(by_key, organ, measure, factor) for _, measure, factor in columns]
        rows.append([organ, *cells, *more.loc[organ]])
    return markdown_table(["organ", *(heading for heading, *_ in columns), *more.columns], rows)


def failure_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Missed and invented organs of one method as text, indexed by organ, with a row over all organs."""
    counts = pd.DataFrame({
        "missed": rows["missed"], "invented": rows["invented"], "cases": rows["volume_truth_ml"] > 0
    }).groupby(rows["organ"], sort=False).sum()  # fmt: skip
    counts.loc[ALL_ORGANS] = counts.sum()
    missed = counts["missed"].astype(str) + "/" + counts["cases"].astype(str)
    return pd.DataFrame({"missed": missed, "invented": counts["invented"].astype(str)})


def markdown_table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Markdown table with aligned columns, the first one to the left, the others to the right."""
    rows = [list(heading), *map(list, rows)]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    rule = " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))


def _mean_and_std(by_key: pd.DataFrame, organ: str, measure: str, factor: float) -> str:
    if (organ, measure) not in by_key.index:
        return "–"
    mean, std = by_key.loc[(organ, measure), ["mean", "std"]] * factor
    return f"{mean:.2f} ± {std:.2f}" if pd.notna(std) else f"{mean:.2f}"
