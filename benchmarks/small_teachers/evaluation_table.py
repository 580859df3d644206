"""Tables of an evaluation: teachers side by side, then each organ of the last one."""

from pathlib import Path

from nnunetv2_muduo.tables import markdown_row

Figures = dict[str, dict[str, float]]
"""Mean by kind of prompt and organ; `mean` is that over organs."""


def write_tables(results: dict[str, dict[str, Figures]], modality: str, path: Path) -> str:
    """Markdown of all groups of patients, written and returned. `results` by group and teacher."""
    parts = [f"# {modality.upper()}: mean over organs, patients that nothing was learned from or chosen on"]
    for group, teachers in results.items():
        parts += [f"## {group}", *tables_of(teachers)]
    text = "\n\n".join(parts) + "\n"
    path.write_text(text, encoding="utf-8")
    return text


def tables_of(teachers: dict[str, Figures]) -> list[str]:
    """Teachers side by side, then the last one by organ."""
    return [*side_by_side(teachers), *by_organ(list(teachers.values())[-1])]


def side_by_side(teachers: dict[str, Figures]) -> list[str]:
    """A row per kind of prompt, a column per teacher."""
    kinds = list(next(iter(teachers.values())))
    rows = [[kind, *(_number(figures[kind]["mean"]) for figures in teachers.values())] for kind in kinds]
    return [
        "\n".join([markdown_row(["prompt", *teachers]), "|---" * (len(teachers) + 1) + "|", *map(markdown_row, rows)])
    ]


def by_organ(figures: Figures) -> list[str]:
    """A row per organ, a column per kind of prompt."""
    kinds = [kind for kind, of in figures.items() if "none" not in of]
    organs = [organ for organ in figures[kinds[0]] if organ != "mean"]
    rows = [[organ, *(_number(figures[kind][organ]) for kind in kinds)] for organ in organs]
    return ["\n".join([markdown_row(["organ", *kinds]), "|---" * (len(kinds) + 1) + "|", *map(markdown_row, rows)])]


def _number(value: float) -> str:
    return f"{value:.2f}" if value <= 1 else f"{value:.0f}"
