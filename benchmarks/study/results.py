"""Rows that are done: a small JSON file each, kept with the repository, whatever machine made it."""

import json
import math
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pandas as pd

from benchmarks.study.configs import config_read
from benchmarks.study.patients import Group
from benchmarks.study.rows import Row
from benchmarks.study.study_size import StudySize
from nnunetv2_muduo.storage import file_digest, read_json, write_text
from nnunetv2_muduo.teachers.registry import SMALL_TEACHERS

MEASURES = ("dice", "nsd_voxel", "hd95_mm")
TEACHER_FIELDS = ("ct_teacher", "pet_teacher")
RESULTS = Path(__file__).parents[1] / "results" / "study"


def result_file(out: Path, group: Group, n_labeled: int, seed: int, row: Row) -> Path:
    """Where a row's result is, once it is done."""
    return out / group.name / f"{n_labeled:02d}_labels" / f"{row.name}_seed{seed}.json"


def settings_of(group: Group, size: StudySize, row: Row) -> dict:
    """What a result depends on beside code, teachers, labels and seed, as it stands in the file."""
    of_row = {k: v for k, v in asdict(row).items() if k not in ("title", "after")}
    of_row["overrides"] = without_folders(row.overrides)
    return json.loads(json.dumps({"group": asdict(group), "size": asdict(size), "row": of_row}))


def without_folders(config: dict) -> dict:
    """Config fields, in which a teacher's file has its name alone: where it lies is a machine's own."""
    return {k: Path(v).name if k in TEACHER_FIELDS else v for k, v in config.items()}


def is_done(file: Path, group: Group, size: StudySize, row: Row) -> bool:
    """Whether there is a result of just these settings, of the config that the row's training reads today, defaults among it,
    and of the small teachers that are there now, if it had any.

    A teacher's file that a row itself names is known by its name.
    """
    result = read_json(file)
    if result is None or result.get("settings") != settings_of(group, size, row):
        return False
    small = {m: digest for m, digest in result.get("teachers", {}).items() if f"{m}_teacher" not in row.overrides}
    others = [modality for modality, digest in small.items() if digest not in _digests()]
    return _holds(result["config"], config_read(row, size)) and not (size.teacher == "small" and others)


def _holds(config: dict, wanted: dict) -> bool:
    """Whether a stored config, or the configs of an ensemble's rows, has every field that is wanted."""
    return all(
        name in config and (_holds(config[name], value) if isinstance(value, dict) else config[name] == value)
        for name, value in without_folders(wanted).items()
    )


@cache
def _digests() -> set[str]:
    return {file_digest(file) for file in SMALL_TEACHERS.glob("*.safetensors")}


def measured_cases(table: pd.DataFrame) -> dict:
    """`cases`: by case and organ that is there, the three measures, null for no distance. `invented`: cases by absent organ."""
    cases: dict[str, dict] = {}
    for line in table[table["volume_truth_ml"] > 0].to_dict("records"):
        values = [float(line[name]) for name in MEASURES]
        of_case = cases.setdefault(line["case"], {})
        of_case[line["organ"]] = [None if math.isnan(value) else round(value, 4) for value in values]
    invented = table[table["false_positive"] > 0]["organ"].value_counts()
    return {"cases": cases, "invented": {organ: int(n) for organ, n in sorted(invented.items())}}


def write_result(result: dict, file: Path) -> None:
    """Write a line for each entry, and for each case and moment."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(key)}: {_several_lines(value)}" for key, value in result.items()]
    write_text("{\n" + ",\n".join(lines) + "\n}\n", file)


def _several_lines(value) -> str:
    if isinstance(value, dict) and any(isinstance(each, dict) for each in value.values()):
        return "{\n" + ",\n".join(f" {json.dumps(key)}: {json.dumps(each)}" for key, each in value.items()) + "\n}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f" {json.dumps(each)}" for each in value) + "\n]"
    return json.dumps(value)


def read_results(out: Path, group: Group) -> list[dict]:
    """All results of a group."""
    return [read_json(file) for file in sorted((out / group.name).glob("*_labels/*.json"))]


def measures_table(results: list[dict]) -> pd.DataFrame:
    """A line per result, case and organ that is there: labels, row, seed, case, organ, and the measures, NaN for null."""
    lines = [
        {**{key: result[key] for key in ("labels", "row", "seed")}, "case": case, "organ": organ}
        | dict(zip(MEASURES, values, strict=True))
        for result in results
        for case, organs in result["cases"].items()
        for organ, values in organs.items()
    ]
    columns = ["labels", "row", "seed", "case", "organ", *MEASURES]
    return pd.DataFrame(lines, columns=columns).astype(dict.fromkeys(MEASURES, float))
