import numpy as np
import pandas as pd
import pytest

from nnunetv2_muduo.evaluation.aggregate import ALL_ORGANS, published, summarize, summarize_published
from nnunetv2_muduo.evaluation.organs import measure_labels

ORGANS = {"liver": 1, "spleen": 2, "prostate": 3, "bladder": 4}


def released_rules(prediction, truth):
    """The four published figures of one organ, written down from the paper's released test code, with medpy."""
    binary = pytest.importorskip("medpy.metric.binary", reason="medpy is not installed")
    if prediction.any() and truth.any():
        ravd = abs((prediction.sum() - truth.sum()) / truth.sum())
        return binary.dc(prediction, truth), ravd, binary.asd(prediction, truth), binary.hd95(prediction, truth)
    return (1, 0, 0, 0) if prediction.any() == truth.any() else (0, 1, 0, 0)


def random_cases(n_cases, rng):
    """Pairs of label maps in which organs are missed, false positive and absent."""
    for _ in range(n_cases):
        truth, prediction = rng.integers(0, 5, (2, 6, 7, 8))
        truth[truth == rng.integers(1, 5)] = 0
        prediction[prediction == rng.integers(1, 5)] = 0
        yield prediction, truth


def measure(cases):
    rows = [
        {"method": "m", "case": f"c{i}", **row}
        for i, (prediction, truth) in enumerate(cases)
        for row in measure_labels(prediction, truth, (3, 2, 2), ORGANS)
    ]
    return pd.DataFrame(rows)


def test_published_counting_equals_the_released_rules_on_random_cases():
    cases = list(random_cases(12, np.random.default_rng(0)))
    table = measure(cases)
    assert table["missed"].any()
    assert table["false_positive"].any()
    assert table["dice"].isna().any()
    expected = np.array([[released_rules(p == v, t == v) for v in ORGANS.values()] for p, t in cases], float)
    measures = ["dice", "ravd", "asd_voxel", "hd95_voxel"]
    np.testing.assert_allclose(published(table)[measures].to_numpy().reshape(expected.shape), expected, atol=1e-6)

    summary = summarize_published(table).set_index(["organ", "measure"])
    means, stds = expected.mean(axis=0), expected.std(axis=0)
    for i, measure_name in enumerate(measures):
        assert summary.loc[(ALL_ORGANS, measure_name), "mean"] == pytest.approx(means.mean(axis=0)[i])
        assert summary.loc[(ALL_ORGANS, measure_name), "std"] == pytest.approx(stds.mean(axis=0)[i])
        assert summary.loc[("spleen", measure_name), "std"] == pytest.approx(stds[1, i])


def test_published_counting_by_hand():
    """Two cases: the liver found with Dice 0.5 then missed, the spleen absent then a false positive."""
    first, second = np.zeros((2, 1, 1, 8), int), np.zeros((2, 1, 1, 8), int)
    first[0, 0, 0, 0:4] = first[1, 0, 0, 2:6] = 1
    second[1, 0, 0, 2:6], second[0, 0, 0, 7] = 1, 2
    table = measure([first, second])
    summary = summarize_published(table).set_index(["organ", "measure"])
    assert summary.loc[("liver", "dice")].tolist() == ["m", 0.25, 0.25, 2]
    assert summary.loc[("liver", "ravd"), "mean"] == 0.5
    assert summary.loc[("liver", "asd_voxel"), "mean"] == (0.75 + 0) / 2
    assert summary.loc[("spleen", "dice"), "mean"] == 0.5
    assert summary.loc[("spleen", "hd95_voxel"), "mean"] == 0
    assert summary.loc[(ALL_ORGANS, "dice"), "mean"] == (0.25 + 0.5 + 1 + 1) / 4


def test_strict_summary_by_hand():
    table = pd.DataFrame(
        [
            ("a", "liver", 0.8, 2.0, 10),
            ("b", "liver", 0.6, 4.0, 10),
            ("c", "liver", 0.0, np.nan, 10),
            ("a", "spleen", 0.5, 1.0, 10),
            ("b", "spleen", 0.7, 3.0, 10),
            ("c", "spleen", np.nan, np.nan, 0),
            ("a", "bladder", 0.0, np.nan, 0),
        ],
        columns=["case", "organ", "dice", "hd95_mm", "volume_truth_ml"],
    ).assign(method="m")
    summary = summarize(table).set_index(["organ", "measure"])
    assert summary.loc[("liver", "dice"), "mean"] == pytest.approx(1.4 / 3)
    assert summary.loc[("liver", "hd95_mm")].tolist() == ["m", 3.0, pytest.approx(2**0.5), 2]
    assert summary.loc[("spleen", "dice")].tolist() == ["m", pytest.approx(0.6), pytest.approx(0.02**0.5), 2]
    assert summary.loc[("bladder", "dice"), "mean"] == 0
    assert ("bladder", "hd95_mm") not in summary.index
    assert summary.loc[(ALL_ORGANS, "dice"), "mean"] == pytest.approx((1.4 / 3 + 0.6) / 2)  # no truth has a bladder
    assert summary.loc[(ALL_ORGANS, "hd95_mm"), "mean"] == pytest.approx(2.5)
