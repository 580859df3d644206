"""Curves of an interactive benchmark: a chart per measure, a line per teacher, over the steps of a session."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nnunetv2_muduo.storage import replacing
from nnunetv2_muduo.visualization.case_figure import organ_color
from nnunetv2_muduo.visualization.figure_text import figure_style, fitted, legend_columns, legend_names

CHART_INCHES, TITLE_SIZE, LEGEND_SIZE, DPI = (4.2, 3.4), 11, 9, 120
SHARES = (0.0, 1.0)
"""Limits of an axis of shares."""


def plot_curves(steps: pd.DataFrame, measures: dict[str, str], title: str, x_label: str, path: Path) -> None:
    """Write a PNG with the means over sessions and, around them, their standard errors.

    Args:
        steps: a row per session and step, columns `method`, `step` and the measures; NaN counts nowhere.
        measures: titles of the charts by column, "(ml)" and the like in a title for what is no share from 0 to 1.
        title: what is shown. x_label: what the steps count.
    """
    methods = list(steps["method"].unique())
    with figure_style([title, *methods]):
        width, height = CHART_INCHES
        figure = Figure(figsize=(width * len(measures), height), layout="constrained")
        for place, (measure, name) in enumerate(measures.items(), start=1):
            axes = figure.add_subplot(1, len(measures), place)
            _draw(axes, steps, measure)
            axes.set(xlabel=x_label, ylabel=name, ylim=None if "(" in name else (SHARES[0] - 0.02, SHARES[1] + 0.02))
        names = legend_names(methods, figure.get_figwidth(), LEGEND_SIZE)
        columns = legend_columns(names, figure.get_figwidth(), LEGEND_SIZE)
        lines = figure.axes[0].lines
        figure.legend(lines, names, loc="outside lower center", ncols=columns, fontsize=LEGEND_SIZE, frameon=False)
        figure.suptitle(fitted(title, figure.get_figwidth() - 0.2, TITLE_SIZE), size=TITLE_SIZE)
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=DPI, facecolor="white")


def _draw(axes: Axes, steps: pd.DataFrame, measure: str) -> None:
    for number, (method, of_method) in enumerate(steps.groupby("method", sort=False), start=1):
        by_step = of_method.groupby("step")[measure]
        mean, error = by_step.mean(), by_step.sem().fillna(0)
        color = organ_color(number)
        axes.plot(mean.index, mean, label=method, color=color, marker=".", linewidth=1.4)
        axes.fill_between(mean.index, mean - error, mean + error, color=color, alpha=0.15, linewidth=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(np.min(steps["step"]) - 0.2, np.max(steps["step"]) + 0.2)
    axes.grid(color="0.9")
