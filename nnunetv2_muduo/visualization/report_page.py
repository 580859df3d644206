"""Page of a report: one self-contained HTML file that may load nothing from anywhere."""

import json
from datetime import datetime
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from nnunetv2_muduo import __version__
from nnunetv2_muduo.conversion.split import LABELED, LEFT_OUT, TEST, UNLABELED, VAL
from nnunetv2_muduo.privacy import without_paths
from nnunetv2_muduo.visualization.report_chart import Line, line_chart
from nnunetv2_muduo.visualization.report_data import TrainingRecord
from nnunetv2_muduo.visualization.report_html import (
    breakable,
    bullet_list,
    data_uri,
    fact_list,
    note,
    section,
    share_cell,
    share_text,
    sortable_table,
    text_cell,
    value_cell,
)
from nnunetv2_muduo.visualization.report_style import SCRIPT, STYLE
from nnunetv2_muduo.visualization.training_curves import charts

MAX_PANELS = 40  # evenly over time, so that the file stays small enough for a mail
ONLY_ITSELF = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
SETS = (LABELED, VAL, UNLABELED, TEST, LEFT_OUT)


def report_page(record: TrainingRecord, warnings: list[str]) -> str:
    """The whole page as text."""
    title = f"{record.dataset}: {record.trainer}, fold {record.fold}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="Content-Security-Policy" content="{ONLY_ITSELF}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>"
        f"<h1>{escape(record.dataset)}</h1>"
        f'<p class="subtitle">{escape(record.trainer)}, {escape(record.configuration)}, {escape(record.plans_name)}, '
        f"fold {escape(record.fold)}</p>\n" + "\n".join(_sections(record, warnings)) + "\n<footer><p>nnunetv2_muduo "
        f"{__version__}, {datetime.now():%Y-%m-%d %H:%M}, {escape(_place(record.folder))}</p></footer></main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _place(fold: Path) -> str:
    """Where a fold lies below nnUNet_results; the way there is nobody else's business."""
    return "/".join(fold.parts[-3:])


def _sections(record: TrainingRecord, warnings: list[str]) -> list[str]:
    """All sections; what the method doesn't have, or nobody has to be warned of, has none."""
    return [
        section("", _facts(record)),
        *([section("Warnings", bullet_list(warnings), "warnings")] if warnings else []),
        section("Curves", _curves(record)),
        *([section("What the teachers say", _panels(record.panels))] if record.method.needs_teachers else []),
        section("Validation", _validation(record.validation)),
        section("Data and patients", _data(record.cases, record.organs)),
        section("Configuration", _configuration(record)),
    ]


def _facts(record: TrainingRecord) -> str:
    progress, settings = record.progress, record.settings
    n_epochs, planned = len(progress), record.config.get("num_epochs")
    facts = {
        "Epochs": (f"{n_epochs} of {planned}" if planned else str(n_epochs))
        + (", finished" if record.finished else ""),
        "Mean Dice, validation": share_text(record.validation["dice"].mean()),
        "Pseudo Dice, moving average": share_text(progress["ema_pseudo_dice"].iloc[-1]) if n_epochs else "–",
        "Median epoch": f"{progress['seconds'].median():.0f} s" if n_epochs else "–",
        "Patch (voxels)": " × ".join(map(str, settings["patch_size"])),
        "Spacing (mm)": " × ".join(f"{mm:.3g}" for mm in settings["spacing"]),
        "Organs": str(len(record.organs)),
    }
    set_sizes = record.cases["set"].value_counts()
    return fact_list(facts | {_set_name(name).capitalize(): f"{n} cases" for name, n in set_sizes.items()})


def _curves(record: TrainingRecord) -> str:
    table = record.progress
    if table.empty:
        return note("There are no curves yet: muduo_progress.csv is written after every epoch.")
    drawn = [
        line_chart(
            chart.title,
            table["epoch"],
            [
                Line(label, _css_color(color), table[column], style)
                for (column, (label, color)), style in zip(chart.lines.items(), chart.line_styles(), strict=True)
            ],
            chart.limits,
            chart.y_label,
        )
        for chart in charts(table, record.organs)
    ]
    return f'<div class="charts">{"".join(drawn)}</div>'


def _css_color(color: str) -> str:
    return color if color.startswith("#") else f"var(--{color})"


def _panels(panels: dict[int, Path]) -> str:
    if not panels:
        return note("There are no panels: picture_every_epochs is 0, or no epoch has ended yet.")
    epochs = sorted(panels)
    evenly = np.linspace(0, len(epochs) - 1, min(len(epochs), MAX_PANELS)).round().astype(int)
    images = [{"epoch": epochs[i], "image": data_uri(panels[epochs[i]])} for i in np.unique(evenly)]
    last = len(images) - 1
    return (
        f'<div class="slider"><label for="epoch">Epoch</label><input id="epoch" type="range" min="0" max="{last}" '
        f'value="{last}"><output id="shown" for="epoch">epoch {epochs[-1]}</output></div>'
        f'<div class="panel scroll"><img id="panel" alt="What student and teachers say of fixed unlabeled patches" '
        f'src="{images[-1]["image"]}"></div>'
        f'<script type="application/json" id="panels">{json.dumps(images)}</script>'
        + note(
            "Two fixed unlabeled patches. Dashed in the mixture: rejected, since the other patch has the better agreement, or "
            "the teachers agree too little (least_agreement)."
        )
    )


def _validation(table: pd.DataFrame) -> str:
    if table.empty:
        return note(
            "There is no validation yet: nnU-Net makes it when the training has ended (validation/summary.json)."
        )
    dice = table.pivot(index="case", columns="organ", values="dice")[list(dict.fromkeys(table["organ"]))]
    dice.insert(0, "mean", dice.mean(axis=1))
    rows = [[text_cell(case), *map(share_cell, values)] for case, *values in dice.itertuples()]
    means = [text_cell("mean over cases"), *map(share_cell, dice.mean())]
    return sortable_table(["case", *dice.columns], rows, foot=means) + note(
        "Dice as nnU-Net measures it; – where neither truth nor prediction has the organ. muduo evaluate adds distances."
    )


def _data(cases: pd.DataFrame, organs: dict[int, str]) -> str:
    if cases.empty:
        return note("Neither nnUNet_preprocessed nor nnUNet_raw holds this data set.")
    return (
        _set_table(cases) + f"<details><summary>All {len(cases)} cases</summary>{_case_table(cases, organs)}</details>"
    )


def _set_table(cases: pd.DataFrame) -> str:
    groups = cases.groupby("set", sort=False)
    sizes, n_patients = groups.size(), groups["patient_key"].nunique().replace(0, np.nan)  # none known
    rows = [
        [text_cell(_set_name(name)), value_cell(sizes[name]), value_cell(n_patients[name])]
        for name in SETS
        if name in sizes
    ]
    return sortable_table(["set", "cases", "patients"], rows)


def _case_table(cases: pd.DataFrame, organs: dict[int, str]) -> str:
    head = ["case", "set", "patient", "study"]
    rows = [[text_cell(case.case), text_cell(_set_name(case.set)), text_cell(case.patient), text_cell(case.study)]
            for case in cases.itertuples()]  # fmt: skip
    if cases["prompts"].notna().any():
        head.append("organs in the prompt map")
        for row, found in zip(rows, cases["prompts"], strict=True):
            row.append(value_cell(len(found & organs.keys()) if isinstance(found, set) else np.nan))
    return sortable_table(head, rows, n_text=4)


def _set_name(name: str) -> str:
    return {VAL: "validation", LEFT_OUT: "left out"}.get(name, name)


def _configuration(record: TrainingRecord) -> str:
    rows = []
    for name, value in record.config.items():
        default = record.method.config_defaults.get(name)
        changed = ' class="changed"' if value != default else ""
        cells = "".join(f'<td class="text">{breakable(_shown(v))}</td>' for v in (name, value, default))
        rows.append(f"<tr{changed}>{cells}</tr>")
    if not rows:
        return note("There is no muduo_config.yaml in the folder.")
    head = '<tr><th class="text">field</th><th class="text">value</th><th class="text">default</th></tr>'
    return (
        f'<div class="scroll"><table class="config"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _shown(value: object) -> str:
    return "none" if value is None else str(without_paths(value))
