"""The demo's last page: one small table, one picture, every organ, and links that lead somewhere."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from nnunetv2_muduo.visualization.demo_page import demo_page, read_scores, score_table

NOTE = "One training of each & five test cases"


@pytest.fixture
def folder(tmp_path):
    """What `muduo evaluate` and `muduo figure` have written in a demo's folder."""
    dice = {"MuDuo": {"liver": 0.9, "prostate": 0.5}, "supervised": {"liver": 0.8, "prostate": 0.0}}
    summary = {
        student: {
            **{organ: {"dice": {"mean": value, "std": 0.1, "n": 2}} for organ, value in organs.items()},
            "spleen": {"volume_truth_ml": {"mean": 0, "std": 0, "n": 2}},  # no case has one
            "mean over organs": {"dice": {"mean": sum(organs.values()) / 2}, "hd95_mm": {"mean": 12.4}},
        }
        for student, organs in dice.items()
    }
    cases = [
        {"method": student, "case": case, "organ": organ, "volume_truth_ml": volume, "missed": missed}
        for student in dice
        for case in "ab"
        for organ, volume, missed in [
            ("liver", 1500, 0),
            ("prostate", 20, int(student == "supervised")),
            ("spleen", 0, 0),
        ]
    ]
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "metrics.json").write_text(json.dumps({"summary": summary, "cases": cases}))
    (tmp_path / "evaluation" / "metrics.md").touch()
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "case.png")
    return tmp_path


@pytest.fixture
def scores(folder):
    return read_scores(folder / "evaluation" / "metrics.json", ["supervised", "MuDuo"])


def test_scores(scores):
    assert list(scores) == ["supervised", "MuDuo"]
    assert scores["MuDuo"].dice == {"liver": 0.9, "prostate": 0.5, "spleen": None}
    assert scores["supervised"].mean_dice == pytest.approx(0.4)
    assert (scores["supervised"].n_missed, scores["supervised"].n_organs) == (2, 4)
    assert scores["MuDuo"].n_missed == 0


def test_the_table_of_the_terminal_is_small(scores):
    lines = score_table(scores).splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) < 80
    assert re.fullmatch(r" +student +Dice \(%\) +HD95 \(mm\) +organs missed", lines[0])
    assert re.fullmatch(r" +supervised +40\.0 +12 +2 of 4", lines[2])
    assert re.fullmatch(r" +MuDuo +70\.0 +12 +0 of 4", lines[3])


def test_the_page_stands_alone(scores, folder):
    page = demo_page(scores, folder / "case.png", NOTE, folder)
    assert "http" not in page
    assert "<script" not in page
    assert re.findall(r'src="([^,]+),', page) == ["data:image/png;base64"]
    assert "One training of each &amp; five test cases" in page


def test_the_page_has_every_organ(scores, folder):
    page = demo_page(scores, folder / "case.png", NOTE, folder)
    assert "<tr><td>liver</td><td>80.0</td><td>90.0</td></tr>" in page
    assert "<tr><td>spleen</td><td>–</td><td>–</td></tr>" in page
    assert "<tr><td>supervised</td><td>40.0</td><td>12</td><td>2 of 4</td></tr>" in page


def test_links_lead_somewhere(scores, folder):
    page = demo_page(scores, folder / "case.png", NOTE, folder)
    links = re.findall('href="([^"]+)"', page)
    assert links == ["evaluation/metrics.md"]  # the only one of them that is there
    assert all((folder / link).exists() for link in links)
