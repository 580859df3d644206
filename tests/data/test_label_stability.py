"""Stability of labels: hand-made maps."""

import json

import numpy as np
import pytest

from nnunetv2_muduo.data.label_stability import least_stable, stability

LIVER, SPLEEN, KIDNEY = 1, 2, 3


def label_map(**boxes):
    labels = np.zeros((8, 8, 8), np.uint8)
    for name, (start, stop) in boxes.items():
        labels[start:stop] = {"liver": LIVER, "spleen": SPLEEN, "kidney": KIDNEY}[name]
    return labels


@pytest.mark.parametrize(
    ("final", "earlier", "expected"),
    [
        (label_map(liver=(0, 4)), label_map(liver=(0, 4)), 1.0),
        (label_map(liver=(0, 4)), label_map(liver=(2, 6)), 0.5),
        (label_map(liver=(0, 4)), label_map(), 0.0),
        (label_map(), label_map(), 1.0),
        # Dice 0.5 of the liver, 1 of the spleen; the kidney is in neither and does not count.
        (label_map(liver=(0, 2), spleen=(4, 6)), label_map(liver=(1, 3), spleen=(4, 6)), 0.75),
    ],
)
def test_mean_dice_of_the_organs_that_either_map_has(final, earlier, expected):
    assert stability(final, earlier, [LIVER, SPLEEN, KIDNEY]) == pytest.approx(expected)


def test_the_least_stable_cases_are_found(tmp_path):
    for case, value in [("a", 0.9), ("b", 0.2), ("c", 0.4), ("d", 0.2)]:
        (tmp_path / f"{case}.json").write_text(json.dumps({"case": [], "stability": value}))
    assert least_stable(tmp_path, ["a", "b", "c", "d"], 3) == {"b": 0.2, "d": 0.2, "c": 0.4}
    assert least_stable(tmp_path, ["a", "c"], 1) == {"c": 0.4}
    assert least_stable(tmp_path, ["a"], 0) == {}
