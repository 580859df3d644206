"""Warnings of a report: what its reader should not overlook."""

from itertools import combinations

import numpy as np
import pandas as pd

from nnunetv2_muduo.conversion.split import LEFT_OUT
from nnunetv2_muduo.visualization.report_data import TrainingRecord

NEVER_AGREE = 0.35  # soft IoU; two teachers that say one half everywhere, knowing nothing, reach a third
MISSED_DICE = 0.01
MANY = 5
_TOO_GOOD = "Figures of this training are too good to be true."


def find_warnings(record: TrainingRecord) -> list[str]:
    """All warnings as sentences, the gravest first."""
    checks = (shared_cases, shared_patients, broken_losses, silent_teachers, empty_prompt_maps, missed_organs)
    return [warning for check in checks for warning in check(record)]


def shared_cases(record: TrainingRecord) -> list[str]:
    """Cases in two sets, as a split by hand may have them: what was trained with is no test of the training."""
    cases = {name: set(cases["case"]) for name, cases in record.cases.groupby("set")}
    return [
        f"{len(both)} case(s) are in {a} and in {b}: {_list(both)}. {_TOO_GOOD}"
        for (a, b), both in ((pair, cases[pair[0]] & cases[pair[1]]) for pair in combinations(cases, 2))
        if both
    ]


def shared_patients(record: TrainingRecord) -> list[str]:
    """Patients in two sets: measured figures would be too good. Studies that were left out are in no set."""
    known = record.cases.drop_duplicates("case", keep=False).dropna(subset="patient_key")  # others are `shared_cases`
    patients = {name: set(cases["patient_key"]) for name, cases in known.groupby("set") if name != LEFT_OUT}
    pairs = {(a, b): patients[a] & patients[b] for a, b in combinations(patients, 2)}
    return [
        f"{len(both)} patient(s) are in {a} and in {b}: {_list(both)}. {_TOO_GOOD}"
        for (a, b), both in pairs.items()
        if both
    ]


def broken_losses(record: TrainingRecord) -> list[str]:
    """Losses that are not finite."""
    losses = record.progress.filter(regex="_loss$")
    bad = record.progress.loc[~np.isfinite(losses).all(axis=1), "epoch"] if len(losses.columns) else []
    return [f"Losses are not finite in {len(bad)} epoch(s), first in epoch {int(bad.iloc[0])}."] if len(bad) else []


def silent_teachers(record: TrainingRecord) -> list[str]:
    """Organs that the teachers were never asked for, never agree on, or that are never kept."""
    taught = record.progress[record.progress.get("ramp_up_weight", pd.Series(dtype=float)) > 0]
    agreement, kept = _per_organ(taught, "agreement", record), _per_organ(taught, "kept_share", record)
    if agreement.empty:
        return []
    asked = agreement.notna().any()
    rejected = [organ for organ, share in kept.max().fillna(0).items() if asked.get(organ) and share == 0]
    warnings = []
    if not asked.all():
        warnings.append(
            f"The teachers were never asked for {_list(asked.index[~asked])}: no patch's prompt map held it."
        )
    if record.config.get("teachers") == "both":
        warnings += _teachers_that_never_agree(agreement.max())
    if rejected:
        warnings.append(f"{_list(rejected)}: never kept, so no unlabeled patch has taught it.")
    return warnings


def _teachers_that_never_agree(best: pd.Series) -> list[str]:
    values = [f"{organ} (at most {value:.2f})" for organ, value in best.items() if value < NEVER_AGREE]
    return (
        [
            f"The teachers never agree on {_list(values)}. Look at the panels: a wrong prompt map, wrong units or a teacher "
            f"that does not know the organ are the usual reasons."
        ]
        if values
        else []
    )


def empty_prompt_maps(record: TrainingRecord) -> list[str]:
    """Unlabeled cases without a prompt map or with an empty one, and organs that no map holds."""
    unlabeled = record.cases[record.cases["set"] == "unlabeled"]
    maps = {case: organs for case, organs in zip(unlabeled["case"], unlabeled["prompts"], strict=True)}
    made = {case: organs for case, organs in maps.items() if isinstance(organs, set)}
    empty = [case for case, organs in made.items() if not organs]
    warnings = (
        [f"{len(empty)} of {len(made)} prompt maps are empty, these cases teach nothing: {_list(empty)}."]
        if empty
        else []
    )
    if len(made) < len(maps) and made:
        warnings.append(f"{len(maps) - len(made)} of {len(maps)} unlabeled cases have no prompt map.")
    absent = [name for value, name in record.organs.items() if made and not any(value in o for o in made.values())]
    if absent and len(empty) < len(made):
        warnings.append(f"No prompt map holds {_list(absent)}.")
    return warnings


def missed_organs(record: TrainingRecord) -> list[str]:
    """Organs that the student finds in no validation case that has them."""
    true = record.validation[record.validation["true_voxels"] > 0]
    best = true.groupby("organ", sort=False)["dice"].max()
    missed = best.index[best < MISSED_DICE]
    return [f"The student finds {_list(missed)} in no validation case."] if len(missed) else []


def _per_organ(table: pd.DataFrame, measure: str, record: TrainingRecord) -> pd.DataFrame:
    """Columns of a measure, named by organ."""
    columns = {f"{measure}_{name}": name for name in record.organs.values()}
    return table[[column for column in columns if column in table]].rename(columns=columns)


def _list(names) -> str:
    names = sorted(map(str, names)) if isinstance(names, set) else [*map(str, names)]
    return ", ".join(names[:MANY]) + (f" and {len(names) - MANY} more" if len(names) > MANY else "")
