"""Line charts as SVG inside HTML: no library, no script, colors that follow the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from matplotlib.ticker import MaxNLocator

WIDTH, HEIGHT = 480, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 24
MANY_POINTS = 240  # more than a screen's column each: neighbors are averaged


@dataclass(frozen=True)
class Line:
    """One curve: `color` is any CSS color; values that are NaN are left out."""

    label: str
    color: str
    values: Sequence[float]


def line_chart(
    title: str, epochs: Sequence[float], lines: list[Line], limits: tuple[float, float] | None = None
) -> str:
    """A figure with its legend, which says each line's last value.

    Args:
        epochs: the x axis.
        lines: values as many as epochs.
        limits: of the y axis; None fits them to the values.
    """
    x = np.asarray(epochs, float)
    curves = [(line, *_thinned(x, np.asarray(line.values, float))) for line in lines]
    curves = [curve for curve in curves if len(curve[1])]
    if not curves:
        return ""
    low, high = limits or _limits(np.concatenate([y for _, _, y in curves]))
    across, up = _scale(x.min(), x.max(), LEFT, WIDTH - RIGHT), _scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = [_grid(x, (low, high), across, up), *(_curve(line, across(cx), up(cy)) for line, cx, cy in curves)]
    legend = "".join(
        f'<li><span style="background:{line.color}"></span>{escape(line.label)} <b>{cy[-1]:.3g}</b></li>'
        for line, _, cy in curves
    )
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
        f"<ul>{legend}</ul></figure>"
    )


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
    return f'<polyline points="{points}" style="stroke:{line.color}"/>'


def _grid(x: np.ndarray, limits: tuple[float, float], across, up) -> str:
    parts = []
    for tick in MaxNLocator(4).tick_values(*limits):
        if limits[0] - 1e-9 <= tick <= limits[1] + 1e-9:
            y = float(up(tick))
            parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.4g}</text>')
    for tick in MaxNLocator(6, integer=True).tick_values(x.min(), x.max()):
        if x.min() <= tick <= x.max():
            parts.append(f'<text x="{float(across(tick)):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{tick:g}</text>')
    return "".join(parts)
