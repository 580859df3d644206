"""Cells of tables: formulas are texts, numbers are numbers, and what is read back is what was written."""

import pandas as pd
import pytest

from nnunetv2_muduo.tables import csv_cell, csv_table, csv_value, from_csv, markdown_cell, markdown_row, markdown_text

FORMULAS = [
    "=1+1", "=cmd|' /C calc'!A0", "+SUM(A1)", "-2+3+cmd", "@SUM(1)", "\t=1", "  =1", "=", "-", "+case", "@home", "-a",
    "\uff1d1+1", "\uff20x", "-1.5.2", "+1e", "-1;=2", "-1_0", "'=1", "''@x", "'-1.5", "-inf", "=-1",
]  # fmt: skip
NUMBERS = ["-1.5", "+3", "-0.50", "1e-3", "-1e-3", "-.5", "-2.", "-0.52 ± 0.10", "+0.12", "-5 %", "-1.5%", "0"]
PLAIN = ["liver", "case_1", "p01=x", "a-b", "[+0.10, -0.20]", "–", "", "'quoted'", "1/2", "o'clock", "a@b.org"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_texts_in_both_and_come_back(text):
    cell = csv_cell(text)
    assert cell == f"'{text}"
    assert csv_value(cell) == text
    assert markdown_cell(text).startswith("'")


@pytest.mark.parametrize("text", NUMBERS + PLAIN)
def test_numbers_and_names_stay(text):
    assert csv_cell(text) == markdown_cell(text) == csv_value(text) == text


@pytest.mark.parametrize("value", [-1.5, 3, True, None])
def test_what_is_no_text_stays(value):
    assert csv_cell(value) is value
    assert csv_value(value) is value
    assert markdown_cell(value) == str(value)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("a\nb", "a b"),
        ("a\r\nb\rc", "a b c"),
        ("a\n=1", "a =1"),
        ("\n=1|2", r"' =1\|2"),
        ("\r=1", "' =1"),
        ("||", r"\|\|"),
        ("x\u2028y", "x y"),
        ("|---|", r"\|---\|"),
    ],
)
def test_no_cell_ends_a_row_or_column_of_markdown(text, cell):
    assert markdown_cell(text) == cell
    assert "\n" not in csv_cell(text)
    assert "\r" not in csv_cell(text)


def test_a_row_has_as_many_columns_as_values():
    import re

    row = markdown_row(["a|b", "=1", -1.5, "x\\"])
    assert row == r"| a\|b | '=1 | -1.5 | x\\ |"
    assert len(re.split(r"(?<!\\)(?:\\\\)*\|", row)) == 4 + 2


def test_a_table_comes_back_from_its_file(tmp_path):
    table = pd.DataFrame(
        {"case": ["=1+1", "+x", "b"], "dice": [-1.5, float("nan"), 1], "n": [1, 2, 3], "=organ": ["@a", None, "-2"]}
    )
    csv_table(table).to_csv(tmp_path / "t.csv", index=False)
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines == ["case,dice,n,'=organ", "'=1+1,-1.5,1,'@a", "'+x,,2,", "b,1.0,3,-2"]
    back = from_csv(pd.read_csv(tmp_path / "t.csv"))
    assert list(back) == list(table)
    assert back["case"].tolist() == table["case"].tolist()
    assert back["=organ"][0] == "@a"


def test_an_empty_table_stays(tmp_path):
    table = pd.DataFrame({"case": [], "dice": []})
    assert list(csv_table(table)) == ["case", "dice"]
    assert list(csv_table(pd.DataFrame())) == []


TEXTS = [  # a text, and how it is written so that Markdown shows it
    ("fdg_00aa_2001", "fdg_00aa_2001"),
    ("nnUNetTrainer__nnUNetPlans__3d_fullres", "nnUNetTrainer__nnUNetPlans__3d_fullres"),
    ("_a_ b_ __c", r"\_a\_ b\_ \_\_c"),
    ("a*b* **c**", r"a\*b\* \*\*c\*\*"),
    ("# a #", r"\# a \#"),
    ("a`b`", r"a\`b\`"),
    ("a|b", r"a\|b"),
    ("a\n\n# b\r\n* c", r"a \# b \* c"),
    ("[a](b) <script> &amp; ~~c~~ \\d", r"\[a\](b) \<script\> \&amp; \~\~c\~\~ \\d"),
    ("- a", r"\- a"),
    ("+ a - b", r"\+ a - b"),
    ("=== ", r"\==="),
    ("1. a", r"1\. a"),
    ("12) a", r"12\) a"),
    ("1.5 mm", r"1\.5 mm"),
    ("CT-PET 3", "CT-PET 3"),
    (7, "7"),
]


@pytest.mark.parametrize(("text", "written"), TEXTS)
def test_texts_of_markdown_say_what_they_are(text, written):
    assert markdown_text(text) == written


@pytest.mark.parametrize("text", [text for text, _ in TEXTS])
def test_a_reader_of_markdown_shows_the_text(text):
    """As a heading and as an entry of a list."""
    parse = pytest.importorskip("markdown_it", reason="an independent reader of Markdown").MarkdownIt().parse
    for begin, kinds in (("## ", ["heading"]), ("* ", ["bullet_list", "list_item", "paragraph"])):
        tokens = parse(f"{begin}{markdown_text(text)}\n")
        assert [token.type.removesuffix("_open") for token in tokens if token.nesting == 1] == kinds
        (inline,) = (token for token in tokens if token.type == "inline")
        assert {child.type for child in inline.children} <= {"text", "text_special"}
        assert "".join(child.content for child in inline.children) == " ".join(str(text).split())
