"""Curves of a training: a table with a row per epoch from the lists that nnU-Net's logger keeps, and a picture of it."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nnunetv2_muduo.visualization.case_figure import organ_color

PROGRESS_NAME = "muduo_progress"  # .csv and .png
MEASURES = {  # list in the logger: column of the table
    "train_losses": "train_loss",
    "val_losses": "val_loss",
    "consistency_losses": "consistency_loss",
    "ramp_up_weights": "ramp_up_weight",
    "n_valid_pairs": "n_valid_pairs",
    "n_kept_pairs": "n_kept_pairs",
    "mean_fg_dice": "mean_pseudo_dice",
    "ema_fg_dice": "ema_pseudo_dice",
    "lrs": "learning_rate",
}
ORGAN_MEASURES = {  # lists of one value per organ: columns <measure>_<organ>
    "agreement_per_organ": "agreement",
    "kept_share_per_organ": "kept_share",
    "dice_per_class_or_region": "pseudo_dice",
}
MANY_EPOCHS = 40  # from here on a line needs no dots to be seen


def progress_table(logged: dict[str, list[Any]], organs: list[str]) -> pd.DataFrame:
    """A row per epoch that is complete in every list.

    Args:
        logged: lists of the logger; the ones that a trainer doesn't keep may be missing.
        organs: names in the order of the values per organ.

    Returns:
        Columns `epoch`, `seconds`, those of MEASURES, and those of ORGAN_MEASURES for each organ, as far as logged.
    """
    n_epochs = min(len(values) for values in logged.values())
    columns: dict[str, Any] = {"epoch": range(n_epochs)}
    starts, ends = logged["epoch_start_timestamps"], logged["epoch_end_timestamps"]
    columns["seconds"] = [end - start for start, end in zip(starts[:n_epochs], ends[:n_epochs], strict=True)]
    columns |= {column: logged[key][:n_epochs] for key, column in MEASURES.items() if key in logged}
    for key, measure in ORGAN_MEASURES.items():
        if key in logged:
            for i, organ in enumerate(organs):
                columns[f"{measure}_{organ}"] = [values[i] for values in logged[key][:n_epochs]]
    return pd.DataFrame(columns)


@style.context("default")  # nnU-Net's own plots leave seaborn's large fonts behind
def plot_progress(table: pd.DataFrame, organ_names: dict[int, str], path: Path) -> None:
    """Write a PNG with the losses, the weight of the teachers' part, and agreement and kept share per organ.

    Args:
        table: as `progress_table` makes it, of a MuDuo training.
        organ_names: name of every organ by label value.
    """
    figure = Figure(figsize=(13, 9), layout="constrained")
    (losses, consistency), (agreement, kept) = figure.subplots(2, 2)
    _lines(losses, table, {"train_loss": ("training", "C0"), "val_loss": ("validation", "C3")}, "nnU-Net's loss")
    losses.legend(fontsize=8)
    _lines(consistency, table, {"consistency_loss": ("", "C2")}, "consistency loss, student and pseudo label")
    weight = consistency.twinx()
    _lines(weight, table, {"ramp_up_weight": ("", "C1")}, "weight of the consistency loss (ramp-up)")
    weight.grid(visible=False)
    consistency.yaxis.label.set_color("C2")
    weight.yaxis.label.set_color("C1")
    for axes, measure, title in (
        (agreement, "agreement", "agreement of the teachers (soft IoU)"),
        (kept, "kept_share", "kept share of the valid pairs"),
    ):
        columns = {f"{measure}_{name}": (name, organ_color(value)) for value, name in organ_names.items()}
        _lines(axes, table, columns, title)
        axes.set_ylim(-0.02, 1.02)
    figure.legend(
        *agreement.get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=8, frameon=False
    )
    figure.savefig(path, dpi=80, facecolor="white")


def _lines(axes: Axes, table: pd.DataFrame, columns: dict[str, tuple[str, str]], title: str) -> None:
    """One line per column, given with its label and color; it runs straight over epochs without a value."""
    for column, (label, color) in columns.items():
        known = table[["epoch", column]].dropna()
        marker = "." if len(known) < MANY_EPOCHS else None
        axes.plot(known["epoch"], known[column], label=label, color=color, marker=marker, linewidth=1.2)
    axes.set(xlabel="epoch", ylabel=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="0.9")
