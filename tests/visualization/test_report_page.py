import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from fixtures.training_record import page_of, without_teachers
from PIL import Image

from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.visualization.report_data import Method, read_training
from nnunetv2_muduo.visualization.report_page import MAX_PANELS, report_page
from nnunetv2_muduo.visualization.report_warnings import find_warnings


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


def test_the_page_names_no_path(made_up_training):
    config = MuDuoConfig(ct_teacher="/home/anna/w/sam_med3d.pth", pet_teacher="C:\\Users\\anna\\pet.pth", num_epochs=60)
    config.save(made_up_training.fold / "muduo_config.yaml")
    page = page_of(made_up_training)
    visible = re.sub('<wbr>|data:image/[a-z]+;base64,[^"]+', "", page)
    assert "sam_med3d.pth" in visible
    assert "pet.pth" in visible
    assert "Dataset007_MadeUp/nnUNetTrainerMuDuo__nnUNetPlans__3d_fullres/fold_0</p></footer>" in visible
    for telling in ("anna", "/home", "Users", str(made_up_training.root), made_up_training.root.name):
        assert telling not in visible


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


def test_warnings_are_text(made_up_training):
    record = read_training(made_up_training.fold)
    assert report_page(record, ["a <b> warning"]).count("a &lt;b&gt; warning") == 1


def test_a_method_without_teachers_and_prompt_maps(made_up_training):
    without_teachers(made_up_training, drift=0.5)
    record = read_training(made_up_training.fold, Method(None, needs_teachers=False, config_defaults={"n_points": 5}))
    page = report_page(record, find_warnings(record))
    *_, cases, config = Tables(page).tables
    assert page.count("<svg") == 5  # nnU-Net's loss, consistency loss, weight, the method's own curve, pseudo Dice
    assert "<figcaption>Drift</figcaption>" in page
    assert cases[0] == ["case", "set", "patient", "study"]
    assert ["other_7_study", "unlabeled", "7", "2003-01-01"] in cases
    assert ["n_points", "5", "5"] in config
    for word in ("Warnings", "teachers say", "Agreement", "prompt map"):
        assert word not in page


@pytest.mark.parametrize("trainer", ["nnUNetTrainerMuDuo_Supervised", "nnUNetTrainerMeanTeacher"])
def test_the_command_knows_which_trainer_needs_no_teachers(made_up_training, trainer):
    without_teachers(made_up_training)
    made_up_training.rename(trainer)
    page = page_of(made_up_training)
    assert trainer in page
    assert "teachers say" not in page
    assert "organs in the prompt map" not in page
