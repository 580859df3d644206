"""Table with one row per case and organ, measured from files over several processes."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from nnunetv2_muduo.evaluation.cases import Case, LabelNames, check_grids, pair_cases, raise_if_any
from nnunetv2_muduo.evaluation.metrics import DEFAULT_TOLERANCES, Tolerances
from nnunetv2_muduo.evaluation.organs import measure_labels
from nnunetv2_muduo.imageio.grid import read_grid
from nnunetv2_muduo.imageio.images import read_labels, read_pet
from nnunetv2_muduo.parallel import map_jobs
from nnunetv2_muduo.storage import file_digest


@dataclass(frozen=True)
class Settings:
    """How cases are measured.

    resample: bring predictions on the truth's grid. subset: leave out truth without prediction.
    """

    labels: LabelNames
    tolerances: Tolerances = DEFAULT_TOLERANCES
    resample: bool = False
    subset: bool = False


@dataclass(frozen=True)
class CaseResult:
    """One case's rows and its files' sha256, or the reason why it can't be measured."""

    rows: list[dict]
    sha256: dict[str, str]
    problem: str | None = None


def measure_methods(
    folders: dict[str, Path], truth_folder: Path, pet_folder: Path | None, settings: Settings, n_processes: int = 1
) -> tuple[pd.DataFrame, dict]:
    """Measure the predictions of several methods, given as name and folder, on the same cases.

    Returns:
        The table (columns `method`, `case`, `organ`, then the measures), and the sha256 of every file by method, case
        and role.

    Raises:
        FileNotFoundError, ValueError: see `pair_cases`, `check_grids` and `measure_cases`.
    """
    cases = {name: pair_cases(folder, truth_folder, pet_folder, settings.subset) for name, folder in folders.items()}
    check_same_cases(cases)
    for its_cases in cases.values():
        check_grids(its_cases, settings.resample)
    tables, sha256 = [], {}
    for name in folders:
        table, sha256[name] = measure_cases(cases[name], settings, n_processes)
        table.insert(0, "method", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True), sha256


def check_same_cases(cases: dict[str, list[Case]]) -> None:
    """Raise ValueError unless all methods predicted the same cases."""
    names = {method: {case.name for case in its_cases} for method, its_cases in cases.items()}
    shared = set.intersection(*names.values())
    extra = {method: sorted(its_names - shared) for method, its_names in names.items() if its_names != shared}
    if extra:
        listed = "; ".join(f"{len(cases)} only in {method}: {', '.join(cases)}" for method, cases in extra.items())
        raise ValueError(f"The methods can't be compared, they predicted different cases: {listed}")


def measure_cases(cases: list[Case], settings: Settings, n_processes: int = 1) -> tuple[pd.DataFrame, dict]:
    """Measure all cases.

    Returns:
        The table (columns `case`, `organ`, then the measures), and the sha256 of every file by case and role.

    Raises:
        ValueError: cases that can't be measured, all of them named and counted.
    """
    measured = map_jobs(partial(try_case, settings=settings), [(case,) for case in cases], n_processes, "measuring")
    by_name = {case.name: result for (case,), result in measured}
    results = [by_name[case.name] for case in cases]
    raise_if_any([result.problem for result in results if result.problem], cases)
    table = pd.DataFrame([row for result in results for row in result.rows])
    return table, {case.name: result.sha256 for case, result in zip(cases, results, strict=True)}


def try_case(case: Case, settings: Settings) -> CaseResult:
    """Measure one case; bad content becomes the result's `problem`."""
    try:
        rows = measure_case(case, settings)
    except ValueError as error:
        return CaseResult([], {}, f"{case.name}: {error}")
    sha256 = {role: file_digest(path) for role, path in case.files.items()}
    return CaseResult([{"case": case.name, **row} for row in rows], sha256)


def measure_case(case: Case, settings: Settings) -> list[dict]:
    """Read one case and measure its organs.

    Raises:
        ValueError: unreadable files, or label values that no organ has.
    """
    grid = read_grid(case.truth)
    prediction, truth = read_labels(case.prediction, grid if settings.resample else None), read_labels(case.truth)
    check_values(prediction, truth, settings.labels)
    if settings.labels.ignore is not None:
        prediction[truth == settings.labels.ignore] = 0
    pet_suv = read_pet(case.pet) if case.pet else None
    return measure_labels(
        prediction, truth, grid.spacing_mm[::-1], settings.labels.organs, pet_suv, settings.tolerances
    )


def check_values(prediction: np.ndarray, truth: np.ndarray, labels: LabelNames) -> None:
    """Raise ValueError, naming and counting, when a map has values that no label has."""
    problems = []
    for side, array in (("prediction", prediction), ("truth", truth)):
        foreign = sorted(set(np.unique(array).tolist()) - labels.known_values)
        counts = ", ".join(f"{value} ({np.count_nonzero(array == value)} voxels)" for value in foreign)
        problems += [f"foreign label values in the {side}: {counts}"] if foreign else []
    if problems:
        raise ValueError(f"{'; '.join(problems)}; the labels are {sorted(labels.known_values)}")
