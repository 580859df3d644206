"""The table of pseudo labels, against going through all batches one by one."""

from itertools import combinations
from statistics import mean

import pandas as pd
import pytest

from benchmarks.study.quality_table import QUALITIES, quality_table


def pair(patch, organ, agreement, dice, there=True):
    keys = {"method": "muduo", "n_labeled": 5, "seed": 0, "epoch": 2, "n_patches": 4}
    values = dict.fromkeys(QUALITIES, dice)
    return {**keys, "patch": patch, "organ": organ, "agreement": agreement, "there": there, **values}


def by_going_through_all_batches(rows, column):
    """Dice of kept, rejected and lone pairs by organ, from every batch of two of four patches."""
    found = {"kept": {}, "rejected": {}, "alone": {}}
    for batch in combinations(range(4), 2):
        for organ in {row["organ"] for row in rows}:
            pairs = sorted(
                (r for r in rows if r["patch"] in batch and r["organ"] == organ), key=lambda r: r["agreement"]
            )
            for name, one in zip(("rejected", "kept") if len(pairs) == 2 else ("alone",), pairs, strict=False):
                found[name].setdefault(organ, []).append(one[column])
    return found


def test_quality_tells_kept_from_rejected_and_lone_pairs_over_all_batches_of_two():
    rows = [pair(0, "liver", 0.1, 0.2), pair(1, "liver", 0.3, 0.9), pair(3, "liver", 0.2, 0.4)]
    rows += [pair(1, "heart", 0.5, 0.8), pair(2, "heart", 0.4, 0.5)]
    rows += [pair(0, "brain", 0.9, 0.0, there=False)]  # in one patch: never chosen, compared with nothing
    table = quality_table(pd.DataFrame(rows)).set_index("pairs")
    found = by_going_through_all_batches(rows, "dice_ct")
    n_pairs = sum(len(dices) for of_organ in found.values() for dices in of_organ.values())
    assert list(table.index) == ["kept", "rejected", "alone"]
    for name, of_organ in found.items():
        expected = mean([mean(of_organ["liver"]), mean(of_organ["heart"])])
        assert table.loc[name, "ct"] == pytest.approx(100 * expected, abs=0.05)
        n = sum(map(len, of_organ.values()))
        assert table.loc[name, "share (%)"] == pytest.approx(100 * n / n_pairs, abs=0.05)
    n_alone = sum(map(len, found["alone"].values()))
    assert table.loc["alone", "absent (%)"] == pytest.approx(100 * 3 / n_alone, abs=0.05)
    assert table.loc["kept", "absent (%)"] == 0


def test_an_organ_without_figures_on_one_side_counts_on_neither():
    rows = [
        pair(0, "liver", 0.1, 0.2),
        pair(1, "liver", 0.3, 0.9),
        pair(0, "heart", 0.5, 0.8),
        pair(1, "heart", 0.4, 0.5),
    ]
    rows[0]["dice_pet"] = float("nan")  # neither teacher nor truth have it: the liver's only rejected pair
    table = quality_table(pd.DataFrame(rows)).set_index("pairs")
    assert (table.loc["kept", "pet"], table.loc["rejected", "pet"]) == (80, 50)
    assert (table.loc["kept", "ct"], table.loc["rejected", "ct"]) == (85, 35)
