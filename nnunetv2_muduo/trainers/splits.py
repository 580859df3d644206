"""Splits of the labeled cases: nnU-Net's five folds, or as many folds as there are cases where these are fewer."""

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


def _plain(splits: list[dict]) -> list[dict[str, list[str]]]:
    """Splits with Python's own strings in place of numpy's, ready for JSON."""
    return [{part: [str(case) for case in cases] for part, cases in split.items()} for split in splits]
