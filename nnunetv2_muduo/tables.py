"""Cells of tables, and texts, that other programs open: texts stay texts there, and no cell ends a row or a column.

Spreadsheets take a text that begins with = + - @ for a formula, and run it; a quotation mark before it prevents that
(OWASP, "CSV Injection"). Numbers stay numbers.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_FIGURE = re.compile(rf"\s*{_NUMBER}(?:\s*±\s*{_NUMBER})?\s*%?\s*")
_FORMULA = re.compile(r"'*(?:\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|\t)")  # these four in full width too, as in East Asia
_DEFUSED = re.compile(rf"'{_FORMULA.pattern}")


def csv_cell(value: Any) -> Any:
    """A value for a CSV file: a text on one line that no spreadsheet takes for a formula; all else as it is."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.splitlines())
    return f"'{text}" if _FORMULA.match(text) and not _FIGURE.fullmatch(text) else text


def csv_value(cell: Any) -> Any:
    """The value from which `csv_cell` made a cell, without its line ends."""
    return cell[1:] if isinstance(cell, str) and _DEFUSED.match(cell) else cell


def markdown_cell(value: Any) -> str:
    """A value for a Markdown table: as for a CSV file, and without an end of the column."""
    return str(csv_cell(str(value))).replace("\\", "\\\\").replace("|", "\\|")


def markdown_text(value: Any) -> str:
    """A text for a heading, a list or a paragraph of Markdown, on one line and with no character that means anything there.

    Source: https://spec.commonmark.org/0.31.2/, 2.4 (a backslash before punctuation) and 6.2 (`_` within a word means nothing).
    """
    text = re.sub(r"([\\`*\[\]<>#|~&])", r"\\\1", " ".join(str(value).split()))
    text = re.sub(r"(?<!\w)_+|_+(?!\w)", lambda found: r"\_" * len(found[0]), text)
    return re.sub(r"^(\d+)?([-+=]|(?<=\d)[.)])", r"\1\\\2", text)


def markdown_row(values: Iterable[Any]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(map(markdown_cell, values))} |"


def csv_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """A table whose headings and texts may be written to a CSV file."""
    return _mapped(table, csv_cell)


def from_csv(table: "pd.DataFrame") -> "pd.DataFrame":
    """A table that was read from a CSV file, with the headings and texts that `csv_table` was given."""
    return _mapped(table, csv_value)


def _mapped(table: "pd.DataFrame", change) -> "pd.DataFrame":
    from pandas.api.types import is_numeric_dtype

    changed = table.apply(lambda column: column if is_numeric_dtype(column) else column.map(change))
    return changed.rename(columns=change)
