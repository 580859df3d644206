"""Parts of a report's HTML: sections, notes, sortable tables and their cells, pictures."""

import base64
import io
from collections.abc import Iterable
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image


def section(heading: str, content: str, css_class: str = "") -> str:
    """A section of the page; an empty heading is left out."""
    heading = f"<h2>{heading}</h2>" if heading else ""
    return f'<section class="{css_class}">{heading}{content}</section>'


def note(text: str) -> str:
    """A paragraph in small print."""
    return f'<p class="note">{escape(text)}</p>'


def fact_list(facts: dict[str, str]) -> str:
    """Names with their values, as tiles."""
    return f'<dl class="facts">{"".join(f"<div><dt>{k}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items())}</dl>'


def bullet_list(texts: Iterable[str]) -> str:
    """A list of sentences."""
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def sortable_table(head: list[str], rows: list[list[str]], foot: Iterable[str] = (), n_text: int = 1) -> str:
    """A table of cells that sorts by the column whose heading is clicked; its first `n_text` columns are text."""
    heads = [
        f"<th{' class=text' if i < n_text else ''}><button>{breakable(name)}</button></th>"
        for i, name in enumerate(head)
    ]
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    foot = "".join(foot)
    foot = f"<tfoot><tr>{foot}</tr></tfoot>" if foot else ""
    return (
        f'<div class="scroll"><table class="sortable"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{body}</tbody>{foot}</table></div>"
    )


def breakable(name: str) -> str:
    """A name that may go on in the next line behind its underscores."""
    return escape(name).replace("_", "_<wbr>")


def text_cell(text: object) -> str:
    """A cell of text; a dash where there is none."""
    return f'<td class="text">{escape(str(text or "–"))}</td>'


def value_cell(value: float) -> str:
    """A cell with a number; a dash for NaN."""
    return f'<td data-value="{value}">{"–" if np.isnan(value) else f"{value:g}"}</td>'


def share_cell(value: float) -> str:
    """A cell with a number in [0, 1] and a bar of its length; a dash for NaN."""
    if np.isnan(value):
        return '<td data-value="nan">–</td>'
    return f'<td class="share" data-value="{value}" style="--share:{100 * value:.0f}%">{value:.3f}</td>'


def share_text(value: float) -> str:
    """A number in [0, 1] as text; a dash for NaN."""
    return "–" if np.isnan(value) else f"{value:.3f}"


def data_uri(path: Path) -> str:
    """A picture as WebP inside an address, a quarter of the PNG's size."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "WEBP", quality=80, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
