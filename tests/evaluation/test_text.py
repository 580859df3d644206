import pandas as pd

from nnunetv2_muduo.evaluation.aggregate import ALL_ORGANS
from nnunetv2_muduo.evaluation.metrics import Tolerances
from nnunetv2_muduo.evaluation.text import definitions_text, failure_cells, markdown_table


def test_a_markdown_table_is_aligned():
    assert markdown_table(["organ", "Dice (%)"], [["liver", "9.50"], ["kidneys", "–"]]).splitlines() == [
        "| organ   | Dice (%) |",
        "| ------- | -------: |",
        "| liver   |     9.50 |",
        "| kidneys |        – |",
    ]


def test_missed_organs_are_counted_out_of_the_cases_that_have_them():
    rows = pd.DataFrame({
        "organ": ["liver", "spleen", "liver", "spleen"], "volume_truth_ml": [5.0, 0.0, 4.0, 3.0],
        "missed": [1, 0, 0, 0], "false_positive": [0, 1, 0, 0],
    })  # fmt: skip
    cells = failure_cells(rows)
    assert list(cells) == ["missed", "false positive"]
    assert cells.loc["liver"].tolist() == ["1/2", "0"]
    assert cells.loc["spleen"].tolist() == ["0/1", "1"]
    assert cells.loc[ALL_ORGANS].tolist() == ["1/3", "1"]


def test_definitions_say_the_tolerance():
    text = definitions_text(Tolerances(mm=2.5))
    assert text.startswith("NSD 2.5 mm: share of both surfaces within this distance of the other one. ASSD: ")
