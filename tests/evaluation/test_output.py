"""Files of an evaluation."""

import hashlib
import json

import pandas as pd
import pytest
from fixtures.evaluation import LABELS, evaluate

from nnunetv2_muduo.tables import from_csv


def test_json_has_versions_settings_and_hashes(folders):
    assert evaluate(folders, "--tolerance", 2.5) == 0
    content = json.loads((folders / "out" / "metrics.json").read_text(), parse_constant=pytest.fail)
    file = folders / "pred" / "b.nii.gz"
    assert content["inputs"]["sha256"]["pred"]["b"]["prediction"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert content["settings"]["tolerances"]["mm"] == 2.5
    assert {"python", "nnunetv2_muduo", "scipy"} <= content["versions"].keys()
    assert content["summary"]["pred"]["spleen"]["dice"]["n"] == 2
    assert len(content["cases"]) == 6
    assert "published" not in content


def test_json_names_the_folders_without_the_way_to_them(folders):
    assert evaluate(folders, "--compare", f"other={folders / 'pred'}") == 0
    text = (folders / "out" / "metrics.json").read_text()
    assert str(folders) not in text
    assert json.loads(text)["inputs"]["truth"] == "gt"
    assert json.loads(text)["inputs"]["predictions"] == {"pred": "pred", "other": "pred"}


def test_names_are_no_formulas_and_no_columns_and_are_found_again(folders):
    organs = {"=cmd|' /C calc'!A0": 1, "-2+3|x": 2, "@SUM(A1)": 3}
    (folders / "pred" / "dataset.json").write_text(json.dumps({"labels": {"background": 0} | organs}))
    for folder in ("gt", "pred"):
        (folders / folder / "a.nii.gz").rename(folders / folder / "=1+1.nii.gz")
    assert evaluate(folders, "--name", "+method", "--compare", f"@other={folders / 'pred'}") == 0
    for name in ("metrics", "summary", "comparison"):
        written = pd.read_csv(folders / "out" / f"{name}.csv", dtype=str)
        texts = {cell for column in written for cell in written[column].dropna()}
        assert not [cell for cell in texts if cell[0] in "=@+" or (cell[0] == "-" and not cell[1].isdigit())]
        assert any(cell.startswith("'") for cell in texts)
    table = from_csv(pd.read_csv(folders / "out" / "metrics.csv"))
    assert set(table["case"]) == {"=1+1", "b"}
    assert set(table["method"]) == {"+method", "@other"}
    assert set(table["organ"]) <= set(organs)
    assert len(set(table["organ"])) > 1
    markdown = (folders / "out" / "metrics.md").read_text()
    assert r"| '=cmd\|' /C calc'!A0" in markdown
    assert r"| '-2+3\|x" in markdown
    tables = [block.splitlines() for block in markdown.split("\n\n") if block.startswith("|")]
    assert len(tables) > 3
    for lines in tables:
        assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1


def test_figures_stay_as_they_were(folders):
    assert evaluate(folders) == 0
    table = pd.read_csv(folders / "out" / "metrics.csv")
    assert table.select_dtypes("number").shape[1] > 5
    assert not table.select_dtypes(exclude="number").apply(lambda c: c.astype(str).str.startswith("'")).any().any()
    assert set(table["organ"]) <= set(LABELS)
