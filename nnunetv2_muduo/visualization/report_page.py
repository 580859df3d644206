"""The page of a report: one self-contained HTML file that may load nothing from anywhere."""

import base64
import io
import json
from collections.abc import Iterable
from datetime import datetime
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from nnunetv2_muduo import __version__
from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.visualization.case_figure import organ_color
from nnunetv2_muduo.visualization.report_chart import Line, line_chart
from nnunetv2_muduo.visualization.report_data import TrainingRecord
from nnunetv2_muduo.visualization.report_style import SCRIPT, STYLE

MAX_PANELS = 40  # evenly over time, so that the file stays small enough for a mail
ONLY_ITSELF = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
SET_NAMES = {
    "labeled": "labeled",
    "val": "validation",
    "unlabeled": "unlabeled",
    "test": "test",
    "left out": "left out",
}


def report_page(record: TrainingRecord, warnings: list[str]) -> str:
    """The whole page as text."""
    title = f"{record.dataset}: {record.trainer}, fold {record.fold}"
    sections = [
        _section("", _facts(record)),
        _section("Warnings", _warnings(warnings), "warnings") if warnings else "",
        _section("Curves", _curves(record)),
        _section("What the teachers say", _panels(record.panels)),
        _section("Validation", _validation(record)),
        _section("Data and patients", _data(record.cases, record.organs)),
        _section("Configuration", _configuration(record)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="Content-Security-Policy" content="{ONLY_ITSELF}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>"
        f"<h1>{escape(record.dataset)}</h1>"
        f'<p class="subtitle">{escape(record.trainer)}, {escape(record.configuration)}, {escape(record.plans_name)}, '
        f"fold {escape(record.fold)}</p>\n" + "\n".join(sections) + f"\n<footer><p>nnunetv2_muduo {__version__}, "
        f"{datetime.now():%Y-%m-%d %H:%M}, {escape(str(record.folder))}</p></footer></main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _section(heading: str, content: str, css_class: str = "") -> str:
    heading = f"<h2>{heading}</h2>" if heading else ""
    return f'<section class="{css_class}">{heading}{content}</section>'


def _facts(record: TrainingRecord) -> str:
    progress, settings = record.progress, record.settings
    n_epochs, planned = len(progress), record.config.get("num_epochs")
    facts = {
        "Epochs": (f"{n_epochs} of {planned}" if planned else str(n_epochs))
        + (", finished" if record.finished else ""),
        "Mean Dice, validation": _number(record.validation["dice"].mean()),
        "Pseudo Dice, moving average": _number(progress["ema_pseudo_dice"].iloc[-1]) if n_epochs else "–",
        "Median epoch": f"{progress['seconds'].median():.0f} s" if n_epochs else "–",
        "Patch (voxels)": " × ".join(map(str, settings["patch_size"])),
        "Spacing (mm)": " × ".join(f"{mm:.3g}" for mm in settings["spacing"]),
        "Organs": str(len(record.organs)),
    }
    facts |= {
        SET_NAMES.get(name, name).capitalize(): f"{n} cases" for name, n in record.cases["set"].value_counts().items()
    }
    return f'<dl class="facts">{"".join(f"<div><dt>{k}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items())}</dl>'


def _warnings(warnings: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(warning)}</li>' for warning in warnings)}</ul>"


def _curves(record: TrainingRecord) -> str:
    table = record.progress
    if table.empty:
        return _note("There are no curves yet: muduo_progress.csv is written after every epoch.")
    plain = {
        "nnU-Net's loss": {"train_loss": ("training", "--blue"), "val_loss": ("validation", "--red")},
        "Consistency loss": {"consistency_loss": ("student and pseudo label", "--green")},
        "Weight of the consistency loss": {"ramp_up_weight": ("ramp-up", "--orange")},
    }
    charts = [
        line_chart(
            title, table["epoch"], [Line(label, f"var({c})", table[k]) for k, (label, c) in lines.items() if k in table]
        )
        for title, lines in plain.items()
    ]
    for title, measure in (
        ("Agreement of the teachers (soft IoU)", "agreement"),
        ("Kept share of the valid pairs", "kept_share"),
        ("Pseudo Dice on validation patches", "pseudo_dice"),
    ):
        columns = {name: (f"{measure}_{name}", organ_color(value)) for value, name in record.organs.items()}
        lines = [Line(name, color, table[column]) for name, (column, color) in columns.items() if column in table]
        charts.append(line_chart(title, table["epoch"], lines, limits=(0, 1)))
    return f'<div class="charts">{"".join(charts)}</div>'


def _panels(panels: dict[int, Path]) -> str:
    if not panels:
        return _note("There are no panels: picture_every_epochs is 0, or no epoch has ended yet.")
    chosen = sorted(panels)
    chosen = [
        chosen[i] for i in np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), MAX_PANELS)).round().astype(int))
    ]
    images = [{"epoch": epoch, "image": _data_uri(panels[epoch])} for epoch in chosen]
    last = len(images) - 1
    return (
        f'<div class="slider"><label for="epoch">Epoch</label><input id="epoch" type="range" min="0" max="{last}" '
        f'value="{last}"><output id="shown" for="epoch">epoch {chosen[-1]}</output></div>'
        f'<div class="panel scroll"><img id="panel" alt="What student and teachers say of fixed unlabeled patches" '
        f'src="{images[-1]["image"]}"></div>'
        f'<script type="application/json" id="panels">{json.dumps(images)}</script>'
        + _note(
            "Two fixed unlabeled patches. Dashed in the mixture: rejected, since the other patch has the better agreement."
        )
    )


def _data_uri(path: Path) -> str:
    """A picture as WebP, a quarter of the PNG's size."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "WEBP", quality=80, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _validation(record: TrainingRecord) -> str:
    table = record.validation
    if table.empty:
        return _note(
            "There is no validation yet: nnU-Net makes it when the training has ended (validation/summary.json)."
        )
    dice = table.pivot(index="case", columns="organ", values="dice")[list(dict.fromkeys(table["organ"]))]
    dice.insert(0, "mean", dice.mean(axis=1))
    rows = [[_text_cell(case), *map(_share_cell, values)] for case, *values in dice.itertuples()]
    means = [_text_cell("mean over cases"), *map(_share_cell, dice.mean())]
    return _table(["case", *dice.columns], rows, foot=means) + _note(
        "Dice as nnU-Net measures it; – where neither truth nor prediction has the organ. `muduo evaluate` adds distances."
    )


def _data(cases: pd.DataFrame, organs: dict[int, str]) -> str:
    if cases.empty:
        return _note("Neither nnUNet_preprocessed nor nnUNet_raw holds this data set.")
    groups = cases.groupby("set", sort=False)
    counts = pd.DataFrame({"cases": groups.size(), "patients": groups["patient_key"].nunique()})
    rows = [
        [
            _text_cell(SET_NAMES.get(s, s)),
            _value_cell(c.cases),
            _value_cell(c.patients) if c.patients else _value_cell(np.nan),
        ]
        for s, c in ((s, counts.loc[s]) for s in SET_NAMES if s in counts.index)
    ]
    every = [
        [_text_cell(case.case), _text_cell(SET_NAMES.get(case.set, case.set)), _text_cell(case.patient or "–"),
         _text_cell(case.study or "–"), _value_cell(len(case.prompts & organs.keys()) if case.prompts is not None else np.nan)]
        for case in cases.itertuples()
    ]  # fmt: skip
    head = ["case", "set", "patient", "study", "organs in the prompt map"]
    return (
        _table(["set", "cases", "patients"], rows)
        + f"<details><summary>All {len(cases)} cases</summary>{_table(head, every, text=4)}</details>"
    )


def _configuration(record: TrainingRecord) -> str:
    defaults = MuDuoConfig().to_dict()
    rows = []
    for name, value in record.config.items():
        default = defaults.get(name)
        changed = ' class="changed"' if value != default else ""
        cells = "".join(f'<td class="text">{_breakable(_shown(v))}</td>' for v in (name, value, default))
        rows.append(f"<tr{changed}>{cells}</tr>")
    if not rows:
        return _note("There is no muduo_config.yaml in the folder.")
    head = '<tr><th class="text">field</th><th class="text">value</th><th class="text">default</th></tr>'
    return (
        f'<div class="scroll"><table class="config"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _shown(value) -> str:
    return "none" if value is None else str(value)


def _table(head: list[str], rows: list[list[str]], foot: Iterable[str] = (), text: int = 1) -> str:
    """Sortable table; its first `text` columns are text."""
    heads = [
        f"<th{' class=text' if i < text else ''}><button>{_breakable(name)}</button></th>"
        for i, name in enumerate(head)
    ]
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    foot = "".join(foot)
    foot = f"<tfoot><tr>{foot}</tr></tfoot>" if foot else ""
    return (
        f'<div class="scroll"><table class="sortable"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{body}</tbody>{foot}</table></div>"
    )


def _breakable(name: str) -> str:
    return escape(name).replace("_", "_<wbr>")


def _text_cell(text: str) -> str:
    return f'<td class="text">{escape(str(text))}</td>'


def _value_cell(value: float) -> str:
    return f'<td data-value="{value}">{"–" if np.isnan(value) else f"{value:g}"}</td>'


def _share_cell(value: float) -> str:
    if np.isnan(value):
        return '<td data-value="nan">–</td>'
    return f'<td class="share" data-value="{value}" style="--share:{100 * value:.0f}%">{value:.3f}</td>'


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
