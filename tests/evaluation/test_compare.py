import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nnunetv2_muduo.evaluation.aggregate import ALL_ORGANS
from nnunetv2_muduo.evaluation.compare import compare_methods, holm
from nnunetv2_muduo.evaluation.measures import compared_measures


def table_of(values):
    """Table from {method: {organ: [value per case]}}; all compared measures get the same values."""
    rows = [
        {"method": method, "case": f"c{i}", "organ": organ, **{measure.name: value for measure in compared_measures()}}
        for method, organs in values.items()
        for organ, cases in organs.items()
        for i, value in enumerate(cases)
    ]
    return pd.DataFrame(rows)


def compare(values, seed=0):
    comparison = compare_methods(table_of(values), np.random.default_rng(seed), n_resamples=999)
    return comparison[comparison["measure"] == "dice"].set_index(["other", "organ"])


def test_p_values_are_those_of_a_paired_signed_rank_test():
    rng = np.random.default_rng(1)
    a, b, noise = rng.random(12), rng.random(12), rng.normal(0.05, 0.05, (2, 12))
    result = compare({"ours": {"liver": a, "spleen": b}, "base": {"liver": a - noise[0], "spleen": b - noise[1]}})
    assert result.loc[("base", "liver"), "p"] == pytest.approx(stats.wilcoxon(noise[0]).pvalue)
    assert result.loc[("base", ALL_ORGANS), "p"] == pytest.approx(stats.wilcoxon(noise.mean(axis=0)).pvalue)
    assert result.loc[("base", "spleen"), "difference"] == pytest.approx(noise[1].mean())
    low, high = result.loc[("base", "liver"), ["ci_low", "ci_high"]]
    half_width = 1.96 * noise[0].std() / 12**0.5
    assert low == pytest.approx(noise[0].mean() - half_width, abs=0.4 * half_width)
    assert high == pytest.approx(noise[0].mean() + half_width, abs=0.4 * half_width)


def test_gains_in_six_of_six_cases_by_hand():
    """Six differences of one sign: two-sided exact p = 2 / 2**6."""
    base = np.array([0.5, 0.6, 0.7, 0.4, 0.3, 0.8])
    gain = np.array([1, 2, 3, 4, 5, 6]) / 100
    row = compare({"ours": {"liver": base + gain}, "base": {"liver": base}}).loc[("base", "liver")]
    assert row["p"] == pytest.approx(2 / 2**6)
    assert row["difference"] == pytest.approx(0.035)
    assert 0.01 < row["ci_low"] < 0.035 < row["ci_high"] < 0.06


def test_equal_methods_do_not_differ():
    row = compare({"ours": {"liver": [0.5, 0.6]}, "base": {"liver": [0.5, 0.6]}}).loc[("base", "liver")]
    assert row[["difference", "ci_low", "ci_high", "p"]].tolist() == [0, 0, 0, 1]


def test_cases_without_a_value_in_either_method_are_left_out_and_counted():
    ours = {"liver": [0.9, np.nan, 0.7], "spleen": [0.5, 0.5, np.nan]}
    base = {"liver": [0.8, 0.8, 0.8], "spleen": [np.nan, 0.1, np.nan]}
    result = compare({"ours": ours, "base": base})
    assert result["n"].to_dict() == {("base", "liver"): 2, ("base", "spleen"): 1, ("base", ALL_ORGANS): 3}
    assert result.loc[("base", "liver"), "difference"] == pytest.approx(0)
    assert np.isnan(result.loc[("base", "spleen"), "p"])
    assert result.loc[("base", ALL_ORGANS), "difference"] == pytest.approx((0.1 + 0.4 - 0.1) / 3)


def test_the_first_method_is_compared_with_each_other():
    result = compare({"ours": {"liver": [1, 1]}, "b": {"liver": [0, 0]}, "c": {"liver": [2, 2]}})
    assert result.loc[("b", "liver"), "difference"] == 1
    assert result.loc[("c", "liver"), "difference"] == -1


def test_intervals_are_reproducible():
    values = {"ours": {"liver": [0.1, 0.5, 0.2]}, "base": {"liver": [0.3, 0.1, 0.2]}}
    pd.testing.assert_frame_equal(compare(values, seed=3), compare(values, seed=3))


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, np.nan]), [0.03, 0.06, 0.06, np.nan])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1, 1])
