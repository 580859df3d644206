import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.visualization.report_chart import Line, line_chart
from nnunetv2_muduo.visualization.report_data import read_training
from nnunetv2_muduo.visualization.report_page import MAX_PANELS, report_page
from nnunetv2_muduo.visualization.report_warnings import find_warnings


def page_of(training) -> str:
    assert main(["report", str(training.fold)]) == 0
    return (training.fold / "muduo_report.html").read_text(encoding="utf-8")


def warnings_of(training) -> list[str]:
    return find_warnings(read_training(training.fold))


class Tables(HTMLParser):
    """Rows of text of every table."""

    def __init__(self, page: str):
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.in_cell = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        if self.in_cell:
            self.tables[-1][-1][-1] += data.strip()


def test_what_was_trained_is_read(made_up_training):
    record = read_training(made_up_training.fold)
    assert (record.dataset, record.trainer, record.fold) == ("Dataset007_MadeUp", "nnUNetTrainerMuDuo", "0")
    assert record.finished
    assert record.organs[3] == "kidney_left"
    assert list(record.panels) == [0, 20, 40, 59]
    assert record.cases["set"].value_counts().to_dict() == {"unlabeled": 30, "labeled": 6, "val": 4}
    assert record.cases.set_index("case").loc["other_4_study", "prompts"] == set(range(1, 12))
    assert record.progress.loc[7, "agreement_aorta"] == pytest.approx(0.05 + 0.3 + 0.4 * (1 - np.exp(-7 / 15)))


def test_the_page_shows_it(made_up_training):
    dice = made_up_training.rng.uniform(0.5, 0.95, (4, 11))
    dice[1, 2] = np.nan
    made_up_training.write_validation(dice)
    page = page_of(made_up_training)
    validation, sets, cases, config = Tables(page).tables
    assert validation[0][:4] == ["case", "mean", "liver", "spleen"]
    assert validation[2][:5] == ["psma_1_study", f"{np.nanmean(dice[1]):.3f}", *(f"{d:.3f}" for d in dice[1, :2]), "–"]
    assert validation[-1][2] == f"{dice[:, 0].mean():.3f}"
    assert sets[1:] == [["labeled", "6", "6"], ["validation", "4", "4"], ["unlabeled", "30", "30"]]
    assert ["other_7_study", "unlabeled", "7", "2003-01-01", "11"] in cases
    assert ["n_points", "5", "3"] in config
    assert page.count("<svg") == 6
    assert "Warnings" not in page


def test_the_page_loads_nothing_and_runs_nothing_of_others(made_up_training):
    made_up_training.change_case("other_2_study", patient="<script>alert(1)</script>")
    page = page_of(made_up_training)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src 'none'" in page


def test_panels_stand_in_the_page_as_pictures(made_up_training):
    page = page_of(made_up_training)
    images = re.findall(r'"epoch": (\d+), "image": "data:image/webp;base64,([^"]+)"', page)
    assert [int(epoch) for epoch, _ in images] == [0, 20, 40, 59]
    for i, (_, content) in enumerate(images):
        picture = Image.open(io.BytesIO(base64.b64decode(content)))
        assert picture.size == (1600, 500)
        assert picture.getpixel((800, 250))[0] == pytest.approx(40 + 60 * i, abs=4)


def test_many_panels_are_thinned_from_first_to_last(made_up_training):
    panels = made_up_training.fold / "muduo_panels"
    for path in panels.iterdir():
        path.unlink()
    for epoch in range(0, 500, 5):
        Image.new("RGB", (8, 8)).save(panels / f"epoch_{epoch:04d}.png")
    epochs = [int(epoch) for epoch in re.findall(r'"epoch": (\d+)', page_of(made_up_training))]
    assert len(epochs) == MAX_PANELS
    assert (epochs[0], epochs[-1]) == (0, 495)
    assert max(np.diff(epochs)) <= 15


def test_a_training_that_has_just_begun(made_up_training, monkeypatch):
    for path in [*made_up_training.fold.rglob("*")]:
        if path.is_file():
            path.unlink()
    for variable in ("nnUNet_raw", "nnUNet_preprocessed"):
        monkeypatch.delenv(variable)
    page = page_of(made_up_training)
    for text in ("no curves yet", "no panels", "no validation yet", "no muduo_config.yaml", "holds this data set"):
        assert text in page
    assert "finished" not in page


def test_a_folder_that_is_none_is_refused(made_up_training, capsys):
    assert main(["report", str(made_up_training.model)]) == 1
    assert "no folder of a training" in capsys.readouterr().err
    assert main(["report", str(made_up_training.fold), "-o", str(made_up_training.root / "none" / "r.html")]) == 1
    assert "There is no folder" in capsys.readouterr().err


def test_nothing_to_warn_of(made_up_training):
    assert warnings_of(made_up_training) == []


def test_warning_of_teachers_that_never_agree(made_up_training, capsys):
    made_up_training.change_progress(agreement_aorta=[0.01] * 59 + [0.34])
    (warning,) = warnings_of(made_up_training)
    assert warning.startswith("The teachers never agree on aorta (at most 0.34).")
    assert warning.split(".")[0] in page_of(made_up_training)
    assert "Warning: The teachers never agree on aorta" in capsys.readouterr().out
    made_up_training.change_progress(agreement_aorta=[0.01] * 59 + [0.4])
    assert warnings_of(made_up_training) == []


def test_warning_of_organs_never_asked_for_or_kept(made_up_training):
    made_up_training.change_progress(agreement_heart=np.nan, kept_share_heart=np.nan, kept_share_liver=0.0)
    never_asked, never_kept = warnings_of(made_up_training)
    assert "never asked for heart" in never_asked
    assert never_kept.startswith("liver: never kept")


def test_warning_of_empty_and_missing_prompt_maps(made_up_training):
    for case in range(30):
        made_up_training.write_map(f"other_{case}_study", range(1, 11))
    made_up_training.write_map("other_3_study", [])
    (made_up_training.maps / "other_5_study.npz").unlink()
    empty, missing, absent = warnings_of(made_up_training)
    assert empty == "1 of 29 prompt maps are empty, these cases teach nothing: other_3_study."
    assert missing == "1 of 30 unlabeled cases have no prompt map."
    assert absent == "No prompt map holds lung_middle_lobe_right."


def test_warning_of_patients_in_two_sets(made_up_training):
    made_up_training.change_case("other_9_study", patient_key="psma_1")
    (warning,) = warnings_of(made_up_training)
    assert warning.startswith("1 patient(s) are in unlabeled and in val: psma_1.")


def test_warning_of_missed_organs_and_broken_losses(made_up_training):
    dice = np.full((4, 11), 0.8)
    dice[:, 5] = [0, 0, np.nan, 0]
    made_up_training.write_validation(dice)
    made_up_training.change_progress(train_loss=[0.5] * 40 + [np.inf] * 20)
    losses, missed = warnings_of(made_up_training)
    assert losses == "Losses are not finite in 20 epoch(s), first in epoch 40."
    assert missed == "The student finds aorta in no validation case."


def test_one_teacher_has_nobody_to_disagree_with(made_up_training):
    config = made_up_training.fold / "muduo_config.yaml"
    config.write_text(config.read_text().replace("teachers: both", "teachers: ct"))
    made_up_training.change_progress(agreement_aorta=0.0)
    assert warnings_of(made_up_training) == []


def points_of(svg: str) -> np.ndarray:
    (points,) = re.findall(r'<polyline points="([^"]+)"', svg)
    return np.array([[float(number) for number in point.split(",")] for point in points.split()])


def test_a_chart_is_drawn_to_scale():
    chart = line_chart("A < B", [0, 1, 2, 3], [Line("x", "red", [0.0, 1.0, np.nan, 0.5])], limits=(0, 1))
    points = points_of(chart)
    assert "A &lt; B" in chart
    assert points[0, 0] < points[1, 0] < points[2, 0]
    assert (points[1, 0] - points[0, 0]) * 3 == pytest.approx(points[2, 0] - points[0, 0], abs=0.2)
    assert points[2, 1] == pytest.approx((points[0, 1] + points[1, 1]) / 2, abs=0.1)
    assert points[1, 1] < points[0, 1]  # SVG's y runs downwards
    assert "<b>0.5</b>" in chart


def test_long_curves_are_averaged_and_short_ones_shown():
    assert len(points_of(line_chart("", range(1000), [Line("x", "red", np.zeros(1000))]))) == 200
    assert "<circle" in line_chart("", [0], [Line("x", "red", [0.3])])
    assert line_chart("", [0, 1], [Line("x", "red", [np.nan, np.nan])]) == ""


def test_warnings_are_text(made_up_training):
    record = read_training(made_up_training.fold)
    assert report_page(record, ["a <b> warning"]).count("a &lt;b&gt; warning") == 1
