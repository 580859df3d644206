"""Scores against references of a few lines: voxels one by one, no shared code."""

import itertools
import math

import numpy as np
import pytest

from nnunetv2_muduo.evaluation.surface_elements import surface_dice
from nnunetv2_muduo.prompting.scores import area, scores, scores_autopet5, scores_cvpr2025

SPACING_MM = (3.0, 2.0, 2.5)
VOXEL_ML = 0.015
NEIGHBORS = [step for step in itertools.product((-1, 0, 1), repeat=3) if 0 < sum(map(abs, step)) < 3]  # 18
EMPTY = np.zeros((9, 10, 11), bool)


def components(mask):
    """Sets of voxels, grown one neighbor after another."""
    left, parts = set(map(tuple, np.argwhere(mask).tolist())), []
    while left:
        part = waiting = {left.pop()}
        while waiting:
            near = {moved(voxel, step) for voxel in waiting for step in NEIGHBORS}
            waiting = near & left
            part, left = part | waiting, left - waiting
        parts.append(part)
    return parts


def reference(prediction, truth):
    """By the challenges' words."""
    predicted, true = components(prediction), components(truth)
    p, t = set().union(*predicted), set().union(*true)
    same = [(i, j) for i, a in enumerate(true) for j, b in enumerate(predicted) if len(a & b) / len(a | b) >= 0.1]
    found, right = {i for i, _ in same}, {j for _, j in same}
    wrong = len(true) - len(found) + len(predicted) - len(right)
    return {
        "dice": 2 * len(p & t) / (len(p) + len(t)) if t else math.nan,
        "lesion_f1": 2 * len(found) / (2 * len(found) + wrong) if true else math.nan,
        "false_positive_ml": VOXEL_ML * sum(len(part) for part in predicted if not part & t),
        "false_negative_ml": VOXEL_ML * sum(len(part) for part in true if not part & p) if t else math.nan,
    }


def moved(voxel, step):
    return tuple(map(sum, zip(voxel, step, strict=True)))


def drawn(seed, share):
    return np.random.default_rng(seed).random(EMPTY.shape) < share


def blocks(*boxes):
    mask = EMPTY.copy()
    for box in boxes:
        mask[tuple(slice(a, b) for a, b in box)] = True
    return mask


TRUTH = blocks([(0, 3), (0, 3), (0, 3)], [(5, 9), (5, 9), (0, 2)], [(6, 7), (0, 1), (8, 11)])
LONG, TWO = blocks([(2, 3), (2, 3), (0, 9)]), blocks([(2, 3), (2, 3), (0, 3)], [(2, 3), (2, 3), (5, 9)])
CASES = {
    "touching by an edge is one lesion, by a corner two": (
        blocks([(0, 1), (0, 1), (0, 1)], [(1, 2), (1, 2), (0, 1)], [(2, 3), (2, 3), (1, 2)]),
        blocks([(0, 1), (0, 1), (0, 1)]),
    ),
    "an overlap below a tenth": (blocks([(0, 5), (0, 5), (0, 5)]), blocks([(4, 9), (4, 9), (4, 9)])),
    "a tenth exactly": (blocks([(0, 1), (0, 1), (0, 10)]), blocks([(0, 1), (0, 1), (9, 10)])),
    "two predictions in one lesion": (LONG, TWO),
    "one prediction over two lesions": (TWO, LONG),
    "one missed, one invented": (TRUTH, blocks([(0, 3), (0, 3), (0, 2)], [(0, 2), (8, 10), (9, 11)])),
    "right": (TRUTH, TRUTH),
    "nothing found": (TRUTH, EMPTY),
    "all": (TRUTH, ~EMPTY),
    **{f"noise {seed}": (drawn(seed, 0.15), drawn(seed + 50, 0.1)) for seed in range(6)},
}


@pytest.mark.parametrize(("truth", "prediction"), CASES.values(), ids=CASES)
def test_scores_are_those_of_the_reference(truth, prediction):
    expected, found = reference(prediction, truth), scores(prediction, truth, SPACING_MM)
    assert found.keys() == expected.keys() | {"nsd"}
    assert found["nsd"] == surface_dice(prediction, truth, SPACING_MM, 2.0)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9, nan_ok=True), name


def test_without_a_lesion():
    one_voxel = blocks([(4, 5), (4, 5), (4, 5)])
    for prediction, volume_ml, dice in ((EMPTY, 0, 1.0), (one_voxel, VOXEL_ML, 0.0)):
        found = scores(prediction, EMPTY, SPACING_MM)
        assert found["false_positive_ml"] == pytest.approx(volume_ml, abs=1e-9)
        assert all(math.isnan(found[name]) for name in ("dice", "nsd", "lesion_f1", "false_negative_ml"))
        of_5 = scores_autopet5(prediction, EMPTY, SPACING_MM)
        assert of_5["dice"] == dice
        assert math.isnan(of_5["lesion_f1"])
    assert scores_autopet5(one_voxel, TRUTH, SPACING_MM) == pytest.approx(scores(one_voxel, TRUTH, SPACING_MM))


def test_a_bad_answer_has_no_nsd_for_cvpr():
    truth = blocks([(0, 9), (0, 10), (0, 10)])
    bad, fair = blocks([(0, 1), (0, 10), (0, 9)]), blocks([(0, 2), (0, 10), (0, 10)])
    assert scores(bad, truth, SPACING_MM)["dice"] < 0.2 < scores(fair, truth, SPACING_MM)["dice"]
    assert scores(bad, truth, SPACING_MM)["nsd"] > 0
    assert scores_cvpr2025(bad, truth, SPACING_MM)["nsd"] == 0
    assert scores_cvpr2025(fair, truth, SPACING_MM) == scores(fair, truth, SPACING_MM)


def test_areas():
    assert area([1.0] * 11) == 10
    assert area([0.0, 0.5, 0.75]) == pytest.approx(0.25 + 0.625, abs=1e-12)
    assert math.isnan(area([math.nan] * 6))
