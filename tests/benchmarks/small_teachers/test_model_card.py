"""The model card: what was done, and the figures of the patients that are reported on."""

import json

import pytest

from benchmarks.small_teachers.model_card import add_evaluation, write_card

BEST = {"iteration": 70, "dice": {"1 click": {"mean": 0.6, "liver": 0.6}, "true mask": {"mean": 0.9, "liver": 0.9}}}
RESULTS = {
    "synthetic": {
        "before": {"1 clicks": {"liver": 0.4, "mean": 0.41}, "voxels": {"none": 90.0, "mean": 90.0}},
        "now": {"1 clicks": {"liver": 0.71234, "mean": 0.72}, "voxels": {"none": 7.0, "mean": 7.0}},
    }
}


@pytest.fixture
def folder(tmp_path):
    figures = {"stages": ["20 minutes", "30 minutes"], "settings": {}, "best": BEST}
    (tmp_path / "pet.json").write_text(json.dumps(figures))
    return tmp_path


def test_before_an_evaluation_the_card_says_who_chose(folder):
    write_card(folder)
    card = (folder / "MODEL_CARD.md").read_text()
    assert "1. 20 minutes\n2. 30 minutes" in card
    assert "Not evaluated yet; on the patients that chose, after 70 iterations" in card
    assert "| liver | 0.60 | 0.90 |" in card


def test_an_evaluation_takes_their_place(folder):
    add_evaluation(RESULTS, "pet", folder)
    card = (folder / "MODEL_CARD.md").read_text()
    assert "| prompt | before | now |" in card
    assert "| 1 clicks | 0.41 | 0.72 |" in card
    assert "| voxels | 90 | 7 |" in card
    assert "| liver | 0.71 |" in card
    assert "Not evaluated" not in card
    assert json.loads((folder / "pet.json").read_text())["evaluation"]["synthetic"]["now"]["1 clicks"]["liver"] == 0.712
