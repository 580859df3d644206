"""Files of an evaluation: CSV tables, and one JSON with versions, settings, hashes of the inputs and all figures."""

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from nnunetv2_muduo.evaluation.aggregate import summarize, summarize_published
from nnunetv2_muduo.evaluation.table import Settings

PACKAGES = ("nnunetv2_muduo", "numpy", "scipy", "pandas", "SimpleITK")


def write_tables(folder: Path, table: pd.DataFrame, comparison: pd.DataFrame, with_published: bool) -> None:
    """Write metrics.csv (a row per case and organ), summary.csv and, where asked for, published.csv, comparison.csv."""
    cases = table[[*table.columns.drop("method"), "method"]]
    cases.to_csv(folder / "metrics.csv", index=False)
    summarize(table).to_csv(folder / "summary.csv", index=False)
    if with_published:
        summarize_published(table).to_csv(folder / "published.csv", index=False)
    if len(comparison):
        comparison.to_csv(folder / "comparison.csv", index=False)


def write_json(
    path: Path, table: pd.DataFrame, comparison: pd.DataFrame, with_published: bool, settings: Settings, inputs: dict
) -> None:
    """Write everything that is needed to know how the figures came about."""
    content = {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "settings": asdict(settings),
        "inputs": inputs,
        "summary": nested(summarize(table)),
        **({"published": nested(summarize_published(table))} if with_published else {}),
        **({"comparison": records(comparison)} if len(comparison) else {}),
        "cases": records(table),
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def nested(summary: pd.DataFrame) -> dict:
    """Summary as method -> organ -> measure -> {mean, std, n}."""
    result: dict = {}
    for row in records(summary):
        organ = result.setdefault(row.pop("method"), {}).setdefault(row.pop("organ"), {})
        organ[row.pop("measure")] = row
    return result


def records(table: pd.DataFrame) -> list[dict]:
    """Rows as dictionaries; NaN, which JSON doesn't know, becomes null."""
    return json.loads(table.to_json(orient="records", double_precision=15))
