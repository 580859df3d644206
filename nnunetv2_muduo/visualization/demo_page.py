"""Page that the demo ends with: both students' scores, one picture, and where the rest lies."""

import base64
from dataclasses import dataclass
from html import escape
from pathlib import Path

from nnunetv2_muduo.user_files import read_user_json
from nnunetv2_muduo.visualization.report_style import STYLE

PICTURE_PX = 1600  # wide enough for the letters in the picture, which has a bar to scroll where the page is narrower
ALL_ORGANS = "mean over organs"  # as `muduo evaluate` calls its last row
_HEADINGS = ("student", "Dice (%)", "HD95 (mm)", "organs missed")
_LINKS = {
    "evaluation/metrics.md": "all measures, per organ",
    "evaluation/metrics.csv": "all measures, per organ and case",
    "predictions": "as nnU-Net made them",
    "postprocessed": "the same without parts far from their organ: what was measured",
    "nnUNet_results": "models, curves and pictures of the trainings",
    "config.yaml": "configuration of both trainings",
    "steps": "what each step said",
}


@dataclass(frozen=True)
class Scores:
    """A student's scores on the test cases.

    Attributes:
        dice: by organ, means over cases in [0, 1]; None where no case has the organ.
        mean_dice, mean_hd95_mm: means of the organs' means; distances are those of organs that were found.
        n_missed, n_organs: organs of cases that were not found at all, and that there are.
    """

    dice: dict[str, float | None]
    mean_dice: float
    mean_hd95_mm: float
    n_missed: int
    n_organs: int


def read_scores(metrics_json: Path, students: list[str]) -> dict[str, Scores]:
    """Scores of the students from the file that `muduo evaluate` writes."""
    metrics = read_user_json(metrics_json)
    return {student: _scores(metrics["summary"][student], metrics["cases"], student) for student in students}


def _scores(summary: dict, cases: list[dict], student: str) -> Scores:
    present = [row for row in cases if row["method"] == student and row["volume_truth_ml"] > 0]
    dice = {organ: measures.get("dice", {}).get("mean") for organ, measures in summary.items() if organ != ALL_ORGANS}
    means = {measure: summary[ALL_ORGANS][measure]["mean"] for measure in ("dice", "hd95_mm")}
    return Scores(dice, means["dice"], means["hd95_mm"], sum(bool(row["missed"]) for row in present), len(present))


def _rows(scores: dict[str, Scores]) -> list[tuple[str, ...]]:
    return [
        (name, f"{100 * s.mean_dice:.1f}", f"{s.mean_hd95_mm:.0f}", f"{s.n_missed} of {s.n_organs}")
        for name, s in scores.items()
    ]


def score_table(scores: dict[str, Scores]) -> str:
    """One row per student, for the terminal."""
    rows = [_HEADINGS, *_rows(scores)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["   ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join(f"  {line}" for line in [lines[0], "-" * len(lines[0]), *lines[1:]])


def demo_page(scores: dict[str, Scores], picture: Path, note: str, folder: Path) -> str:
    """The page as HTML. It loads nothing from anywhere; its links lead into the demo's folder.

    Args:
        scores: by student's name.
        picture: PNG to show.
        note: what was compared, and how little it says.
        folder: of the demo, where the page will lie.
    """
    image = base64.b64encode(picture.read_bytes()).decode()
    organs = list(next(iter(scores.values())).dice)
    per_organ = [(organ, *(_percent(s.dice[organ]) for s in scores.values())) for organ in organs]
    links = "".join(
        f'<li><a href="{link}">{link}</a>: {text}</li>' for link, text in _LINKS.items() if (folder / link).exists()
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>nnunetv2_muduo: demo</title><style>{STYLE}</style></head>\n<body><main>"
        "<h1>Few labels, many unlabeled PET/CT</h1>"
        f'<section>{_table(_HEADINGS, _rows(scores))}<p class="note">{escape(note)}</p></section>\n'
        f'<section><h2>One test case: truth, and what each student finds</h2><div class="panel scroll">'
        f'<img width="{PICTURE_PX}" alt="CT and PET with contours of truth and predictions" '
        f'src="data:image/png;base64,{image}"></div></section>\n'
        f"<section><h2>Dice per organ (%)</h2>{_table(('organ', *scores), per_organ)}</section>\n"
        f"<section><h2>The rest</h2><ul>{links}</ul></section></main></body></html>\n"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
