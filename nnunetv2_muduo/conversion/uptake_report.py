"""Parts of a conversion's report on values: dose, weight, time and uptake of every case, and how far its CT reaches."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from nnunetv2_muduo.conversion.raw_values import is_in_bqml
from nnunetv2_muduo.tables import markdown_text

FEW_CASES = 5
"""With fewer, none is called unlike the others."""
FAR_FROM_MEDIAN = 4
"""In robust standard deviations (1.4826 times the median distance from the median): 1 in 16 000 normal values is as far."""
LEAST_COVERED, LEAST_ON_TISSUE = 0.9, 0.75
"""Shares of the PET's volume and of its activity that the CT should cover."""


@dataclass(frozen=True)
class Column:
    """One figure of a case: its place in the findings, how it is shown, and the range that is usual in clinics."""

    title: str
    part: str
    key: str
    usual: tuple[float, float]


COLUMNS = (
    Column("uptake min", "header", "uptake_minutes", (45, 120)),  # EANM: 60, for some tracers 90 or 120
    Column("dose MBq", "header", "dose_mbq", (50, 700)),
    Column("weight kg", "header", "weight_kg", (30, 150)),
    Column("share of the dose", "uptake", "dose_share", (0, 1)),
    Column("body kg in view", "uptake", "body_kg", (0, 200)),
    Column("mean SUV of the body", "uptake", "mean_suv", (0.3, 2)),
)


def uptake_section(findings: Mapping[str, dict]) -> tuple[tuple, list[tuple], list[str]]:
    """(header, rows, remarks) of the table of all cases; a figure out of its usual range or unlike the others is bold."""
    columns = [column for column in COLUMNS if any(_value(found, column) is not None for found in findings.values())]
    unlike = {column: _unlike_others([_value(found, column) for found in findings.values()]) for column in columns}
    rows, marked = [], []
    for case, found in findings.items():
        cells = [_cell(_value(found, column), column, unlike[column]) for column in columns]
        rows.append((case, found.get("pet_units", "SUV as it is"), *cells))
        if any(cell.startswith("**") for cell in cells):
            marked.append(case)
    header = ("case", "made SUV from", *(column.title for column in columns))
    return header, rows, _remarks(findings, columns, marked)


def _remarks(findings: Mapping[str, dict], columns: list[Column], marked: list[str]) -> list[str]:
    remarks = []
    in_bqml = [case for case, found in findings.items() if is_in_bqml(found)]
    if in_bqml:
        remarks.append(
            f"**PET in Bq/ml, not SUV** (--allow-bqml), and so not checked: {', '.join(map(markdown_text, in_bqml))}."
        )
    if marked:
        usual = ", ".join(f"{column.title} {column.usual[0]:g} to {column.usual[1]:g}" for column in columns)
        remarks.append(
            f"**Look at the bold figures of {len(marked)} cases**: they are out of what is usual ({usual}) or unlike the others."
        )
    return remarks


def _value(findings: dict, column: Column) -> float | None:
    return findings.get(column.part, {}).get(column.key)


def _cell(value: float | None, column: Column, unlike: tuple[float, float]) -> str:
    if value is None:
        return ""
    lowest, highest = max(column.usual[0], unlike[0]), min(column.usual[1], unlike[1])
    return f"{value:.3g}" if lowest <= value <= highest else f"**{value:.3g}**"


def _unlike_others(values: list[float | None]) -> tuple[float, float]:
    """Beyond which a value is unlike the others, by median and median distance from it."""
    known = [value for value in values if value is not None]
    if len(known) < FEW_CASES:
        return float("-inf"), float("inf")
    middle = statistics.median(known)
    spread = 1.4826 * statistics.median(abs(value - middle) for value in known)
    reach = max(FAR_FROM_MEDIAN * spread, 0.1 * abs(middle))  # where nearly all are equal, a tenth is not unlike them
    return middle - reach, middle + reach


def coverage_remarks(findings: Mapping[str, dict]) -> list[str]:
    """A line where CTs don't reach over their PET; outside of a CT there is air, for a network too."""
    cases = {
        case: (found["ct_covers"], found.get("uptake", {}).get("on_tissue", 1.0)) for case, found in findings.items()
    }
    short = [
        f"{markdown_text(case)} ({covers:.0%} of the volume, {on_tissue:.0%} of the activity lies on tissue of the CT)"
        for case, (covers, on_tissue) in cases.items()
        if covers < LEAST_COVERED or on_tissue < LEAST_ON_TISSUE
    ]
    return [f"**The CT does not cover the PET of {len(short)} cases**: {'; '.join(short)}."] if short else []
