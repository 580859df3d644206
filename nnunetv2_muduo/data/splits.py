"""Splits of the labeled cases: nnU-Net's five folds, or as many folds as there are cases where these are fewer."""

from collections.abc import Iterable

from nnunetv2.utilities.crossval_split import generate_crossval_split

N_FOLDS = 5  # nnU-Net's


def new_splits(cases: list[str]) -> tuple[list[dict[str, list[str]]], str]:
    """Splits as nnU-Net keeps them in splits_final.json, and a remark for the log where they are not nnU-Net's own."""
    if len(cases) >= N_FOLDS:
        return _plain(generate_crossval_split(cases, n_splits=N_FOLDS)), ""
    if len(cases) == 1:
        remark = f"One labeled case: {cases[0]} is used for training and validation alike."
        return [{"train": cases, "val": cases}], remark
    remark = f"{len(cases)} labeled cases: creating a {len(cases)}-fold split, one case each to validate."
    return _plain(generate_crossval_split(cases, n_splits=len(cases))), remark


def why_no_fold(fold: int, splits: list[dict[str, list[str]]]) -> str | None:
    """Why a fold can't be trained or validated, None where the split has it.

    nnU-Net would draw its cases at random: they would be validated by another fold too, and no best configuration could
    be found among the folds.
    """
    if fold < len(splits):
        return None
    n_cases = len({case for parts in splits for cases in parts.values() for case in cases})
    folds = "1 fold" if len(splits) == 1 else f"{len(splits)} folds"
    cases = "1 labeled case" if n_cases == 1 else f"{n_cases} labeled cases"
    which = "fold 0 or all" if len(splits) == 1 else f"fold 0 to {len(splits) - 1}, or all"
    return f"The split has {folds} ({cases}): use {which}."


def cases_in_no_fold(cases: Iterable[str], splits: list[dict[str, list[str]]]) -> list[str]:
    """Labeled cases that no fold trains with: those that came after the split was drawn, for example."""
    return sorted(set(cases) - {case for split in splits for case in (*split["train"], *split["val"])})


def _plain(splits: list[dict]) -> list[dict[str, list[str]]]:
    """Splits with Python's own strings in place of numpy's, ready for JSON."""
    return [{part: [str(case) for case in cases] for part, cases in split.items()} for split in splits]
