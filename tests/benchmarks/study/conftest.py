"""Measures made by hand, as experiments leave them."""

import pandas as pd
import pytest


def row_of(method, seed, case, organ, dice, missed=False):
    nothing = {"ravd": 0.1, "asd_mm": 2.0, "hd95_mm": 5.0, "volume_truth_ml": 10.0}
    keys = {"n_labeled": 5, "method": method, "seed": seed, "case": case, "organ": organ}
    return {**keys, "dice": dice, "missed": missed, **nothing}


@pytest.fixture
def measured():
    """A function that makes one row of measures."""
    return row_of


@pytest.fixture
def measures():
    rows = []
    for seed in (0, 1):
        for case in ("a", "b", "c"):
            rows += [row_of("muduo", seed, case, organ, 0.8 + 0.1 * seed) for organ in ("liver", "brain")]
            rows += [row_of("supervised", seed, case, "liver", 0.7), row_of("supervised", seed, case, "brain", 0.5)]
    return pd.DataFrame(rows)
