"""Curves of a training: a table with a row per epoch from the lists that its logger keeps, and a picture of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nnunetv2_muduo.visualization.case_figure import organ_color
from nnunetv2_muduo.visualization.figure_text import figure_style, legend_columns, legend_names

TIMES = ("epoch_start_timestamps", "epoch_end_timestamps")
COLUMNS = {  # list in the logger: column of the table, of lists per organ the first part of <column>_<organ>
    "train_losses": "train_loss",
    "val_losses": "val_loss",
    "consistency_losses": "consistency_loss",
    "ramp_up_weights": "ramp_up_weight",
    "n_valid_pairs": "n_valid_pairs",
    "n_kept_pairs": "n_kept_pairs",
    "mean_fg_dice": "mean_pseudo_dice",
    "ema_fg_dice": "ema_pseudo_dice",
    "lrs": "learning_rate",
    "agreement_per_organ": "agreement",
    "kept_share_per_organ": "kept_share",
    "dice_per_class_or_region": "pseudo_dice",
}
SHARES = {  # columns per organ whose values lie in [0, 1]: title of their chart, and of its y axis
    "agreement": ("Agreement of the teachers (soft IoU)", "soft IoU, 0 to 1"),
    "kept_share": ("Kept share of the valid pairs", "share, 0 to 1"),
    "pseudo_dice": ("Pseudo Dice on validation patches", "Dice, 0 to 1"),
}
LINE_COLORS = {"blue": "#0072b2", "green": "#009e73", "orange": "#e69f00"}  # Okabe and Ito's
LINE_STYLES, N_COLORS_APART = ("solid", "dashed", "dotted"), 8  # organs beyond the eighth are dashed, then dotted
MANY_EPOCHS = 40  # from here on a line needs no dots to be seen
CHARTS_PER_ROW, CHART_INCHES, DPI = 3, (5.3, 4.2), 90
LEGEND_SIZE = 9  # points


@dataclass(frozen=True)
class Chart:
    """Curves with one y axis, `y_label`; `lines` has a label and a color, of LINE_COLORS or #rrggbb, by column of the table."""

    title: str
    lines: dict[str, tuple[str, str]]
    limits: tuple[float, float] | None = None
    per_organ: bool = False
    y_label: str = "value"

    def line_styles(self) -> list[str]:
        """solid, dashed or dotted for each line, so that lines of like colors differ."""
        return [LINE_STYLES[place // N_COLORS_APART % len(LINE_STYLES)] for place in range(len(self.lines))]


def progress_table(logged: dict[str, list[Any]], organs: list[str]) -> pd.DataFrame:
    """A row per epoch that is complete in every list.

    Args:
        logged: lists of the logger, with a number or, per organ, a list of numbers for each epoch. A method may keep lists
            of its own; those that it doesn't keep are missing or empty.
        organs: names in the order of the values per organ.

    Returns:
        Columns `epoch`, `seconds`, and those of COLUMNS, as far as logged; of a method's own list its key. Of a list per
        organ a column <name>_<organ> for each.
    """
    logged = {key: values for key, values in logged.items() if len(values)}
    n_epochs = min(map(len, logged.values()), default=0)
    starts, ends = (logged.get(key, [])[:n_epochs] for key in TIMES)
    table = {"epoch": range(n_epochs), "seconds": [end - start for start, end in zip(starts, ends, strict=True)]}
    own = {key: key for key in logged if key not in COLUMNS and key not in TIMES}
    for key, name in (COLUMNS | own).items():
        if key in logged:
            table |= _columns(name, logged[key][:n_epochs], organs)
    return pd.DataFrame(table)


def _columns(name: str, values: list[Any], organs: list[str]) -> dict[str, Any]:
    if np.ndim(values[0]) == 0:
        return {name: values}
    of_organs = np.array(values, float).T  # [organs, epochs]
    return {f"{name}_{organ}": of_organ for organ, of_organ in zip(organs, of_organs, strict=True)}


def charts(table: pd.DataFrame, organ_names: dict[int, str]) -> list[Chart]:
    """What a table has to show: losses and their weight, then the method's own curves, then those per organ.

    Args:
        table: as `progress_table` makes it.
        organ_names: name of every organ by label value.
    """
    losses = [
        Chart(
            "nnU-Net's loss", {"train_loss": ("training", "blue"), "val_loss": ("validation", "orange")}, y_label="loss"
        ),
        Chart("Consistency loss", {"consistency_loss": ("on unlabeled patches", "green")}, y_label="loss"),
        Chart("Weight of the consistency loss", {"ramp_up_weight": ("ramp-up", "orange")}, y_label="weight"),
    ]
    per_organ = {name: _organ_chart(name, organ_names) for name in _names_per_organ(table, [*organ_names.values()])}
    named = {"epoch", "seconds", *COLUMNS.values(), *(column for chart in per_organ.values() for column in chart.lines)}
    own = [Chart(_readable(name), {name: (_readable(name), "blue")}) for name in table if name not in named]
    return [chart for chart in losses if chart.lines.keys() <= {*table}] + own + [*per_organ.values()]


def _names_per_organ(table: pd.DataFrame, organs: list[str]) -> list[str]:
    """Names that have a column <name>_<organ> for every organ."""
    ending = f"_{organs[0]}"
    names = [column.removesuffix(ending) for column in table if column.endswith(ending)]
    return [name for name in names if all(f"{name}_{organ}" in table for organ in organs)]


def _organ_chart(name: str, organ_names: dict[int, str]) -> Chart:
    lines = {f"{name}_{organ}": (organ, organ_color(value)) for value, organ in organ_names.items()}
    title, y_label = SHARES.get(name, (_readable(name), Chart.y_label))
    return Chart(title, lines, (0, 1) if name in SHARES else None, per_organ=True, y_label=y_label)


def _readable(name: str) -> str:
    return name.replace("_", " ").capitalize()


def plot_progress(table: pd.DataFrame, organ_names: dict[int, str], path: Path) -> None:
    """Write a PNG with all charts of a table; see `charts`."""
    with figure_style(organ_names.values()):
        figure = _drawn(table, charts(table, organ_names))
        figure.savefig(path, format="png", dpi=DPI, facecolor="white")


def _drawn(table: pd.DataFrame, drawn: list[Chart]) -> Figure:
    n_rows = -(-len(drawn) // CHARTS_PER_ROW)
    figure = Figure(figsize=np.multiply(CHART_INCHES, (CHARTS_PER_ROW, n_rows)), layout="constrained")
    for place, chart in enumerate(drawn, start=1):
        axes = figure.add_subplot(n_rows, CHARTS_PER_ROW, place)
        _draw(axes, table, chart)
        if not chart.per_organ and len(chart.lines) > 1:
            axes.legend(fontsize=LEGEND_SIZE)
        if chart.per_organ and not figure.legends:  # organs have the same colors in all charts
            names = legend_names([line.get_label() for line in axes.lines], figure.get_figwidth(), LEGEND_SIZE)
            columns = legend_columns(names, figure.get_figwidth(), LEGEND_SIZE)
            style = {"fontsize": LEGEND_SIZE, "frameon": False}
            figure.legend(axes.lines, names, loc="outside lower center", ncols=columns, **style)
    return figure


def _draw(axes: Axes, table: pd.DataFrame, chart: Chart) -> None:
    """One line per column; it runs straight over epochs without a value."""
    for (column, (label, color)), style in zip(chart.lines.items(), chart.line_styles(), strict=True):
        known = table[["epoch", column]].dropna()
        marker = "." if len(known) < MANY_EPOCHS else None
        color = LINE_COLORS.get(color, color)
        axes.plot(
            known["epoch"], known[column], linestyle=style, label=label, color=color, marker=marker, linewidth=1.2
        )
    axes.set(xlabel="epoch", ylabel=chart.y_label, title=chart.title)
    if chart.limits:
        axes.set_ylim(chart.limits[0] - 0.02, chart.limits[1] + 0.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="0.9")
