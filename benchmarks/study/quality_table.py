"""Table of the pseudo labels' quality over a training: kept, rejected and lone pairs of patch and organ."""

import pandas as pd

from benchmarks.study.experiments import MUDUO

QUALITIES = ["dice_ct", "dice_pet", "dice_mixed", "dice_prompt_map", "dice_student"]
MOMENT = ["n_labeled", "epoch"]
ORGAN_OF_MOMENT = ["n_labeled", "seed", "epoch", "organ"]


def quality_table(pseudo_labels: pd.DataFrame, method: str = MUDUO.name) -> pd.DataFrame:
    """Pseudo labels' Dice against the hidden truth over a training, for kept, rejected and lone pairs.

    Of two patches with an organ the one in better agreement is kept; an organ in one patch of a batch alone is kept, too.
    Over all batches of two that the observed patches can form, a pair is each of these in some of its batches; their
    number is its weight. Means are taken over patches, then over organs, of which some pairs are kept and some rejected.
    """
    rows = pseudo_labels[pseudo_labels["method"] == method]
    n_batches = count_batches(rows)
    dice = {pairs: _weighted_means(rows, weights) for pairs, weights in n_batches.items()}
    compared = dice["kept"].notna() & dice["rejected"].notna()
    lines = {}
    for pairs, shares in _shares(rows, n_batches).items():
        mean_dice = dice[pairs].where(compared).groupby(MOMENT).mean() * 100
        lines[pairs] = pd.concat([shares["share (%)"], mean_dice, shares["absent (%)"]], axis=1)
    return _one_below_the_other(lines)


def count_batches(rows: pd.DataFrame) -> pd.DataFrame:
    """In how many of its batches of two a pair is kept, rejected, or alone with its organ."""
    agreement = rows.groupby(ORGAN_OF_MOMENT)["agreement"]
    n_others, n_worse = agreement.transform("size") - 1, agreement.rank() - 1
    return pd.DataFrame({"kept": n_worse, "rejected": n_others - n_worse, "alone": rows["n_patches"] - 1 - n_others})


def _weighted_means(rows: pd.DataFrame, weights: pd.Series) -> pd.DataFrame:
    """Mean of every quality over an organ's patches, without its NaN; NaN where no weight is left."""
    keys, means = [rows[key] for key in ORGAN_OF_MOMENT], {}
    for quality in QUALITIES:
        present = weights.where(rows[quality].notna(), 0)
        means[quality] = (rows[quality] * present).groupby(keys).sum() / present.groupby(keys).sum()
    return pd.DataFrame(means)


def _shares(rows: pd.DataFrame, n_batches: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Of kept, rejected and lone pairs: their share of all, and the share of them in whose patch the organ is not."""
    moment = [rows[key] for key in MOMENT]
    sums = n_batches.groupby(moment).sum()
    absent = n_batches.where(~rows["there"], 0).groupby(moment).sum() / sums * 100
    share = sums.div(sums.sum(axis=1), axis=0) * 100
    return {pairs: pd.DataFrame({"share (%)": share[pairs], "absent (%)": absent[pairs]}) for pairs in n_batches}


def _one_below_the_other(lines: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One table by number of labels, epoch and, in the order given, kind of pair; rounded, with headings for readers."""
    table = pd.concat(lines, names=["pairs"]).reorder_levels([*MOMENT, "pairs"])
    table = table.sort_index(key=lambda level: level.map(list(lines).index) if level.name == "pairs" else level)
    return table.round(1).reset_index().rename(columns=lambda name: name.removeprefix("dice_").replace("_", " "))
