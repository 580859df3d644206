"""The study's tables, on numbers made by hand."""

import pytest
from scipy import stats

from benchmarks.study import tables
from benchmarks.study.rows import Row


def test_results_are_means_over_organs_with_the_spread_of_seeds_and_all_costs(results):
    table = tables.results_table(results, 5).set_index("row")
    # 80 and 90: standard deviation 10 / sqrt 2
    assert table.loc["MuDuo", "Dice (%)"] == "85.0 ± 7.1"
    assert table.loc["supervised, PET/CT", "Dice (%)"] == "60.0 ± 0.0"
    assert table.loc["MuDuo", ["steps", "TFLOP", "minutes"]].tolist() == ["2000", "2.0", "3.0"]
    assert tables.results_table(results, 10).empty


def test_missed_organs_count_zero_and_are_told(results):
    for organs in results[0]["cases"].values():
        organs["liver"] = [0.0, 0.0, None]
    line = tables.results_table(results[:1], 5).to_dict("records")[0]
    assert (line["Dice (%)"], line["HD95 (mm)"], line["missed (%)"]) == ("25.0", "24.0", "50.0")


def test_organs_that_are_not_there_count_zero_in_strict_dice(results):
    of_supervised = results[0]  # liver 70 and brain 50 in three cases
    assert tables.strict_dice(of_supervised) == pytest.approx(0.6)
    of_supervised["invented"] = {"liver": 1, "prostate": 2}
    assert tables.strict_dice(of_supervised) == pytest.approx((0.7 * 3 / 4 + 0.5) / 2)  # no case has a prostate
    (line,) = tables.results_table(results[:1], 5).to_dict("records")
    assert (line["Dice (%)"], line["strict Dice (%)"], line["invented a case"]) == ("60.0", "51.2", "1.00")


def test_a_step_is_compared_with_the_row_it_stands_on(results):
    steps = [Row("muduo", "MuDuo", after="supervised"), Row("other", "not run", after="muduo"), Row("supervised", "")]
    (line,) = tables.steps_table(results, 5, steps).to_dict("records")
    assert (line["row"], line["difference"], line["seeds"]) == ("MuDuo", "+25.0", 2)
    assert tables.steps_table(results, 5, ()).empty


def test_differences_are_paired_by_seed_and_case(results):
    (line,) = tables.differences_table(results, 5, "muduo").to_dict("records")
    assert (line["minus"], line["difference"], line["± over seeds"]) == ("supervised, PET/CT", "+25.0", "7.1")
    assert (line["cases"], line["seeds"]) == (3, 2)
    assert line["p over cases"] == "0.25"  # Wilcoxon: all of three cases' differences of one sign, 2 / 2^3
    assert float(line["p over seeds"]) == pytest.approx(stats.ttest_rel([80, 90], [60, 60]).pvalue, rel=0.05)


def test_only_seeds_that_both_have_are_compared(results):
    (line,) = tables.differences_table(results[:1] + results[2:], 5, "muduo").to_dict("records")
    assert (line["difference"], line["seeds"], line["p over seeds"]) == ("+20.0", 1, "")
    assert tables.differences_table(results[:2], 5, "muduo").empty


def test_an_organ_that_loses_more_than_a_point_is_marked(results):
    table = tables.organs_table(results[:1] + results[2:3], 5, "muduo", "supervised").set_index("organ")
    assert table.loc["liver", ["supervised", "muduo", "difference"]].tolist() == ["70.0", "68.0", "-2.0"]
    assert table["worse by more than a point"].to_dict() == {"liver": "worse", "brain": ""}
