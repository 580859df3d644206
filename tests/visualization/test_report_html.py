import numpy as np
import pytest

from nnunetv2_muduo.visualization import report_html


@pytest.mark.parametrize(
    "html",
    [
        report_html.note("a < b"),
        report_html.fact_list({"Patch": "a < b"}),
        report_html.bullet_list(["a < b"]),
        report_html.text_cell("a < b"),
        report_html.breakable("a < b"),
        report_html.sortable_table(["a < b"], []),
    ],
)
def test_what_others_wrote_is_escaped(html):
    assert "a &lt; b" in html
    assert "a < b" not in html


def test_cells_without_a_value_hold_a_dash():
    for cell in (report_html.text_cell(None), report_html.value_cell(np.nan), report_html.share_cell(np.nan)):
        assert cell.endswith(">–</td>")
    assert report_html.share_text(np.nan) == "–"


def test_a_share_has_a_bar_of_its_length():
    cell = report_html.share_cell(0.256)
    assert "--share:26%" in cell
    assert cell.endswith(">0.256</td>")


def test_long_names_may_go_on_in_the_next_line():
    assert report_html.breakable("kidney_left") == "kidney_<wbr>left"
