"""Files of an evaluation: CSV tables, and one JSON with versions, settings, hashes of the inputs and all figures."""

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from nnunetv2_muduo.evaluation.results import Results
from nnunetv2_muduo.evaluation.table import Settings
from nnunetv2_muduo.storage import replacing, write_text
from nnunetv2_muduo.tables import csv_table

PACKAGES = ("nnunetv2_muduo", "numpy", "scipy", "pandas", "SimpleITK")


def write_tables(folder: Path, results: Results) -> None:
    """Write metrics.csv (a row per case and organ), summary.csv and, where there are any, published.csv, comparison.csv."""
    tables = {
        "metrics": results.measures[[*results.measures.columns.drop("method"), "method"]],
        "summary": results.summary,
        "published": results.published,
        "comparison": results.comparison,
    }
    write_csv_files(folder, tables)


def write_csv_files(folder: Path, tables: dict[str, pd.DataFrame | None]) -> None:
    """Write each table that there is to NAME.csv, in one step; see `replacing`."""
    for name, table in tables.items():
        if table is not None:
            with replacing(folder / f"{name}.csv") as temporary:
                csv_table(table).to_csv(temporary, index=False)


def write_metrics_json(path: Path, results: Results, settings: Settings, inputs: dict) -> None:
    """Write everything that is needed to know how the figures came about."""
    content = {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "settings": asdict(settings),
        "inputs": inputs,
        "summary": nested(results.summary),
        **({} if results.published is None else {"published": nested(results.published)}),
        **({} if results.comparison is None else {"comparison": records(results.comparison)}),
        "cases": records(results.measures),
    }
    write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", path)


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
