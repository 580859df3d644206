"""Line charts for an HTML page: no library, no script, colors that follow the page.

Curves are an SVG that grows with the page; ticks and names of the axes are HTML around it, whose letters keep their size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from matplotlib.ticker import MaxNLocator

WIDTH, HEIGHT = 400, 200
MARGIN = 4  # so that a line on the border is seen whole
MANY_POINTS = 240  # more than a screen's column each: neighbors are averaged


@dataclass(frozen=True)
class Line:
    """One curve: `color` is any CSS color, `style` solid, dashed or dotted; values that are NaN are left out."""

    label: str
    color: str
    values: Sequence[float]
    style: str = "solid"


def line_chart(
    title: str,
    epochs: Sequence[float],
    lines: list[Line],
    limits: tuple[float, float] | None = None,
    y_label: str = "",
) -> str:
    """A figure with its legend, which says each line's last value.

    Args:
        epochs: the x axis.
        lines: values as many as epochs.
        limits: of the y axis; None fits them to the values.
        y_label: what the y axis measures, with its unit.
    """
    x = np.asarray(epochs, float)
    curves = [(line, *_thinned(x, np.asarray(line.values, float))) for line in lines]
    curves = [curve for curve in curves if len(curve[1])]
    if not curves:
        return ""
    low, high = limits or _limits(np.concatenate([y for _, _, y in curves]))
    across, up = _scale(x.min(), x.max(), MARGIN, WIDTH - MARGIN), _scale(low, high, HEIGHT - MARGIN, MARGIN)
    y_ticks = {f"{tick:.4g}": up(tick) for tick in _ticks(low, high, n=4)}
    x_ticks = {f"{tick:g}": across(tick) for tick in _ticks(x.min(), x.max(), n=6, integer=True)}
    parts = [f'<line x1="0" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>' for y in y_ticks.values()]
    parts += [_curve(line, across(cx), up(cy)) for line, cx, cy in curves]
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<div class="plot" style="--tick: {max(map(len, y_ticks))}ch"><span class="y-label">{escape(y_label)}</span>'
        f'<div class="y-ticks">{_tick_labels(y_ticks, "top", HEIGHT)}</div>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
        f'<div class="x-ticks">{_tick_labels(x_ticks, "left", WIDTH)}</div><span class="x-label">epoch</span></div>'
        f"<ul>{''.join(_legend_entry(line, y[-1]) for line, _, y in curves)}</ul></figure>"
    )


def _legend_entry(line: Line, last: float) -> str:
    swatch = f'<span style="border-top: 3px {line.style} {line.color}"></span>'
    return f"<li>{swatch}{escape(line.label)} <b>{last:.3g}</b></li>"


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(y)
    x, y = x[known], y[known]
    n_groups = -(-len(x) // max(1, -(-len(x) // MANY_POINTS)))
    groups = [slice(part[0], part[-1] + 1) for part in np.array_split(np.arange(len(x)), n_groups)] if len(x) else []
    return np.array([x[group].mean() for group in groups]), np.array([y[group].mean() for group in groups])


def _limits(values: np.ndarray) -> tuple[float, float]:
    ticks = MaxNLocator(4).tick_values(values.min(), values.max())
    return float(ticks[0]), float(ticks[-1])


def _scale(low: float, high: float, start: float, stop: float):
    """Function from values in low..high to places in start..stop; a single value stands in the middle."""
    if high == low:
        return lambda values: np.zeros_like(np.asarray(values, float)) + (start + stop) / 2
    return lambda values: start + (np.asarray(values, float) - low) / (high - low) * (stop - start)


def _curve(line: Line, x: np.ndarray, y: np.ndarray) -> str:
    if len(x) == 1:
        return f'<circle cx="{x[0]:.1f}" cy="{y[0]:.1f}" r="3" style="fill:{line.color}"/>'
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in zip(x, y, strict=True))
    return f'<polyline points="{points}" class="{line.style}" style="stroke:{line.color}"/>'


def _ticks(low: float, high: float, n: int, integer: bool = False) -> list[float]:
    ticks = MaxNLocator(n, integer=integer).tick_values(low, high)
    return [tick for tick in ticks if low - 1e-9 <= tick <= high + 1e-9]


def _tick_labels(ticks: dict[str, float], edge: str, length: float) -> str:
    return "".join(f'<span style="{edge}: {100 * place / length:.1f}%">{text}</span>' for text, place in ticks.items())
