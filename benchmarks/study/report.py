"""Report of a group: tables in Markdown beside the results, and the parts of README and docs that come from them."""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from benchmarks.study import tables
from benchmarks.study.patients import Group
from benchmarks.study.quality_table import quality_table
from benchmarks.study.results import read_results
from benchmarks.study.rows import (
    FROM_SCRATCH,
    MAP_AS_LABEL,
    MEAN_TEACHER,
    MUDUO,
    SELF_TRAINING,
    STUDY,
    SUPERVISED,
    UPPER_BOUNDS,
    Row,
    chosen,
)
from nnunetv2_muduo.evaluation.text import markdown_table

ROOT = Path(__file__).parents[2]
PAPERS_CLAIMS = chosen(("ct_teacher", "pet_teacher", "no_filter"))
"""That two teachers are better than one, and a filter better than none."""
SHOWN = (SUPERVISED, MEAN_TEACHER, SELF_TRAINING, MAP_AS_LABEL, *PAPERS_CLAIMS, MUDUO)
"""Rows of the README's table."""
NOTES = """\
Mean over test cases of each organ, then over organs, ± the standard deviation of this mean over the seeds (each draws other
labeled cases, patches and weights). Organs that a case does not have are left out, but of strict Dice, in which one that is
seen all the same counts 0; a missed one counts Dice 0 and NSD 0 and has no HD95. Steps, TFLOP (10^12 operations of training
steps, forward and backward) and minutes hold the shared network and generators that a row goes on from, as if it were alone.
Minutes were measured on whatever else the machine did; making the prompt maps is not in them. Methods with a prompt map,
self-training among them, draw half of the unlabeled patches around its organs, the others draw theirs anywhere. Trainings
compute in bfloat16 where the CPU has it, which a result's file says. A difference is one row's Dice minus another's, paired
by seed and case (means over a case's organs), with a bootstrap interval over cases; p over cases: Wilcoxon signed rank over
the cases' means over seeds; p over seeds: paired t test; both corrected by Holm over the rows of a table. Pseudo labels:
pairs of patch and organ in patches drawn as in training; kept as a batch of two of them would be; Dice over those whose
organ is in the patch, mean over organs; `absent` is the share of the others, `invented` at how many of these the organ is
seen all the same; CT's share in a mixture is drawn for each patch, as in training; `gain` is the mixture's Dice minus the
student's on the same pairs."""


def write_report(out: Path, group: Group, heading: str, steps: Iterable[Row] = ()) -> str:
    """Markdown of all results of a group, written beside them and returned; empty where there are none.

    steps: rows of which some stand on top of others.
    """
    results = in_order(read_results(out, group))
    if not results:
        return ""
    parts = [f"# Study: {group.name} patients", heading]
    for n_labeled in sorted({result["labels"] for result in results}):
        for title, table in _tables(results, n_labeled).items():
            parts += [f"## {n_labeled} labels: {title}", as_markdown(table)] if len(table) else []
        of_steps = tables.steps_table(results, n_labeled, steps)
        parts += [f"## {n_labeled} labels: steps (Dice, points)", as_markdown(of_steps)] if len(of_steps) else []
    quality = quality_table(results)
    parts += ["## Pseudo labels against the hidden truth (Dice, %)", as_markdown(quality)] if len(quality) else []
    text = "\n\n".join([*parts, NOTES]) + "\n"
    (out / group.name / "summary.md").write_text(text, encoding="utf-8")
    return text


def in_order(results: list[dict]) -> list[dict]:
    """Results in the order of the study's rows, others after them."""
    order = [row.name for row in STUDY]
    return sorted(results, key=lambda r: order.index(r["row"]) if r["row"] in order else len(order))


def _tables(results: list[dict], n_labeled: int) -> dict[str, pd.DataFrame]:
    scratch = [result for result in results if result["row"].endswith(FROM_SCRATCH)]
    bounds = [result for result in results if result["row"] in (MUDUO.name, *UPPER_BOUNDS)]
    apart = {result["row"] for result in scratch}.union(UPPER_BOUNDS)
    main = [result for result in results if result["row"] not in apart]
    muduo_scratch = f"{MUDUO.name}{FROM_SCRATCH}"
    return {
        "results": tables.results_table(results, n_labeled),
        "MuDuo minus each row (Dice, points)": tables.differences_table(main, n_labeled, MUDUO.name),
        "from scratch, MuDuo minus each row (Dice, points)": tables.differences_table(
            scratch, n_labeled, muduo_scratch
        ),
        "MuDuo minus upper bounds (Dice, points)": tables.differences_table(bounds, n_labeled, MUDUO.name),
        "MuDuo against supervised, organ by organ (Dice, %)": tables.organs_table(
            results, n_labeled, MUDUO.name, SUPERVISED.name
        ),
    }


def write_docs(results: list[dict], root: Path = ROOT) -> None:
    """Put the tables between the markers of README.md and docs/results.md: rows that all of MuDuo's seeds were run of."""
    results = in_order(with_all_seeds(results))
    replace_between(root / "README.md", "study", as_markdown(short_table(results)))
    parts = []
    for n_labeled in sorted({result["labels"] for result in results}):
        for title, table in _tables(results, n_labeled).items():
            parts += [f"**{n_labeled} labels: {title}**", as_markdown(table)] if len(table) else []
    replace_between(root / "docs" / "results.md", "study", "\n\n".join(parts))


def with_all_seeds(results: list[dict]) -> list[dict]:
    """Results of rows that were run, with a number of labels, with every seed that MuDuo was run with."""
    seeds: dict[tuple, set[int]] = {}
    for result in results:
        seeds.setdefault((result["labels"], result["row"]), set()).add(result["seed"])
    return [
        result
        for result in results
        if seeds[result["labels"], result["row"]] >= seeds.get((result["labels"], MUDUO.name), set())
    ]


def short_table(results: list[dict]) -> pd.DataFrame:
    """Dice of the main rows by number of labels."""
    numbers = sorted({result["labels"] for result in results})
    lines: dict[str, dict] = {row.title: {"": row.title} for row in SHOWN}
    for n_labeled in numbers:
        for line in tables.results_table(results, n_labeled).to_dict("records"):
            if line["row"] in lines:
                lines[line["row"]][f"{n_labeled} labels"] = line["Dice (%)"]
    return pd.DataFrame([line for line in lines.values() if len(line) > 1]).fillna("")


def replace_between(file: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`.

    Raises:
        ValueError: the file has no such markers.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    content = file.read_text(encoding="utf-8")
    if content.count(begin) != 1 or content.count(end) != 1:
        raise ValueError(f"{file} must have {begin} and {end} once each, around the table that is made.")
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    file.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", content), encoding="utf-8")


def as_markdown(table: pd.DataFrame) -> str:
    """A table as Markdown."""
    return markdown_table(table.columns, [[str(cell) for cell in line] for line in table.itertuples(index=False)])
