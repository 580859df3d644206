"""Figures of every case in the report: out of what is usual, or unlike the others."""

import pytest

from nnunetv2_muduo.conversion.uptake_report import coverage_remarks, uptake_section


def findings(mean_suv=0.8, body_kg=60.0, on_tissue=0.95, covers=1.0, **header):
    uptake = {"mean_suv": mean_suv, "body_kg": body_kg, "on_tissue": on_tissue}
    return {"uptake": uptake, "header": header, "ct_covers": covers}


def bold_cells(cases):
    header, rows, _ = uptake_section(cases)
    return {(row[0], title) for row in rows for title, cell in zip(header, row, strict=True) if cell.startswith("**")}


@pytest.mark.parametrize(
    ("title", "figures"),
    [
        ("uptake min", {"uptake_minutes": 20}),
        ("uptake min", {"uptake_minutes": 200}),
        ("dose MBq", {"dose_mbq": 3}),
        ("weight kg", {"weight_kg": 12}),
        ("mean SUV of the body", {"mean_suv": 0.1}),
        ("mean SUV of the body", {"mean_suv": 2.5}),
    ],
)
def test_what_is_not_usual_is_bold_in_the_only_case_too(title, figures):
    usual = {"uptake_minutes": 60, "dose_mbq": 300, "weight_kg": 70}
    assert bold_cells({"a": findings(**usual)}) == set()
    assert bold_cells({"a": findings(**{**usual, **figures})}) == {("a", title)}


def test_what_is_unlike_the_others_is_bold_though_it_is_usual():
    minutes = [60, 61, 62, 59, 60, 63, 58, 110]
    cases = {str(number): findings(uptake_minutes=value) for number, value in enumerate(minutes)}
    assert bold_cells(cases) == {("7", "uptake min")}
    assert "**Look at the bold figures of 1 cases**" in uptake_section(cases)[2][0]
    few = dict(list(cases.items())[-4:])
    assert bold_cells(few) == set()


def test_a_tenth_more_than_equal_ones_is_not_unlike_them():
    cases = {str(number): findings(dose_mbq=value) for number, value in enumerate([300] * 6 + [325, 350])}
    assert bold_cells(cases) == {("7", "dose MBq")}


def test_figures_that_no_case_has_make_no_column():
    header, rows, remarks = uptake_section({"a": {"uptake": {"mean_suv": 0.8, "body_kg": 5.0}}})
    assert header == ("case", "made SUV from", "body kg in view", "mean SUV of the body")
    assert rows == [("a", "SUV as it is", "5", "0.8")]
    assert remarks == []


@pytest.mark.parametrize(("covers", "on_tissue", "is_said"), [(1, 0.9, False), (0.8, 0.95, True), (1, 0.6, True)])
def test_a_ct_that_ends_before_its_pet_is_said(covers, on_tissue, is_said):
    remarks = coverage_remarks({"a": findings(), "b": findings(covers=covers, on_tissue=on_tissue)})
    if is_said:
        assert remarks == [
            "**The CT does not cover the PET of 1 cases**: "
            f"b ({covers:.0%} of the volume, {on_tissue:.0%} of the activity lies on tissue of the CT)."
        ]
    else:
        assert remarks == []
