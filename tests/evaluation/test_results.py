import pandas as pd
import pytest

from nnunetv2_muduo.evaluation.aggregate import summarize, summarize_published
from nnunetv2_muduo.evaluation.measures import MEASURES
from nnunetv2_muduo.evaluation.results import collect_results


@pytest.fixture
def measures():
    """Two methods, two cases, one organ; all measures of a method are the same."""
    values = {"ours": 0.5, "base": 0.25}
    names = [measure.name for measure in MEASURES]
    return pd.DataFrame(
        {
            "method": method,
            "case": case,
            "organ": "liver",
            **dict.fromkeys(names, value),
            "missed": 0,
            "false_positive": 0,
        }
        for method, value in values.items()
        for case in "ab"
    )


def test_all_tables_of_two_methods(measures):
    results = collect_results(measures, with_published=True)
    pd.testing.assert_frame_equal(results.summary, summarize(measures))
    pd.testing.assert_frame_equal(results.published, summarize_published(measures))
    assert results.comparison["difference"].tolist() == [0.25] * len(results.comparison)


def test_one_method_is_compared_with_none(measures):
    results = collect_results(measures[measures["method"] == "ours"])
    assert results.published is None
    assert results.comparison is None
