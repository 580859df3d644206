"""The study's tables, on numbers made by hand."""

from benchmarks.study import tables


def test_results_are_means_over_organs_with_the_spread_of_seeds(measures):
    table = tables.results_table(measures).set_index("row")["Dice (%)"]
    # 80 and 90: standard deviation 10 / sqrt 2
    assert table["MuDuo: both teachers, best half, 3 points"] == "85.0 ± 7.1"
    assert table["supervised, PET/CT"] == "60.0 ± 0.0"


def test_differences_are_paired_by_seed_and_case(measures):
    (line,) = tables.differences_table(measures).to_dict("records")
    assert (line["difference"], line["± over seeds"], line["n"]) == ("+25.0", "7.1", 3)
    assert line["p (Holm)"] == "0.25"  # Wilcoxon: all of three cases' differences of one sign, 2 / 2^3
