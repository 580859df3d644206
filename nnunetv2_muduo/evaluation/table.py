"""From folders of label maps to a table with one row per case and organ."""

from functools import partial

import numpy as np
import pandas as pd
from tqdm import tqdm

from nnunetv2_muduo.evaluation.cases import Case, LabelNames, check_same_grid, read_header, read_labels
from nnunetv2_muduo.evaluation.metrics import measure_labels


def measure_cases(cases: list[Case], labels: LabelNames) -> pd.DataFrame:
    """Measure all cases; columns `case`, `organ`, then the measures.

    Raises:
        ValueError: cases that can't be measured, all of them named and counted.
    """
    tables, problems = [], []
    for case in tqdm(cases, desc="measuring", unit="case"):
        try:
            tables.append(measure_case(case, labels))
        except (ValueError, RuntimeError) as error:
            problems.append(f"  {case.name}: {error}")
    if problems:
        raise ValueError(f"{len(problems)} of {len(cases)} case(s) can't be measured:\n" + "\n".join(problems))
    return pd.concat(tables, ignore_index=True)


def measure_case(case: Case, labels: LabelNames) -> pd.DataFrame:
    """Read and measure one case."""
    header = read_header(case.truth)
    check_same_grid(read_header(case.prediction), header)
    prediction, truth = read_labels(case.prediction), read_labels(case.truth)
    check_values(prediction, truth, labels)
    if labels.ignore is not None:
        prediction[truth == labels.ignore] = 0
    rows = pd.DataFrame(measure_labels(prediction, truth, header.GetSpacing()[::-1], labels.organs))
    rows.insert(0, "case", case.name)
    return rows


def check_values(prediction: np.ndarray, truth: np.ndarray, labels: LabelNames) -> None:
    """Raise ValueError when a map has values that no label has."""
    foreign = partial(foreign_values, known=labels.known_values)
    found = {side: foreign(array) for side, array in (("prediction", prediction), ("truth", truth))}
    if any(found.values()):
        raise ValueError("; ".join(
            f"foreign label values in the {side}: " + ", ".join(f"{value} ({n} voxels)" for value, n in values.items())
            for side, values in found.items() if values
        ) + f". Known are {sorted(labels.known_values)}")  # fmt: skip


def foreign_values(labels: np.ndarray, known: set[int]) -> dict[int, int]:
    """Values outside `known` with their numbers of voxels."""
    values, counts = np.unique(labels, return_counts=True)
    return {int(v): int(n) for v, n in zip(values, counts, strict=True) if int(v) not in known}
