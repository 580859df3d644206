"""Names of users' own in figures: they fit, nothing overlaps, and no letter is a box."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from fixtures.drawn_texts import CHINESE_NAMES, LONG_NAMES, SHORT_NAMES, require_readable, saved_figures
from fixtures.pictures import LOGGED, drawn_case
from matplotlib.font_manager import findfont, fontManager, get_font

from nnunetv2_muduo.visualization import figure_text
from nnunetv2_muduo.visualization.case_figure import draw_case
from nnunetv2_muduo.visualization.figure_text import figure_style, fitted, width_inches, wrapped
from nnunetv2_muduo.visualization.teacher_picture import PanelRow, label_masks, plot_panel
from nnunetv2_muduo.visualization.training_curves import plot_progress, progress_table

LONG_ORGANS = [
    f"{name}_of_a_name_that_is_longer_than_most_are" for name in ("lung_upper_lobe_left", "rib_left_12", "hip")
]
NAMES = {"short": SHORT_NAMES, "long": LONG_NAMES, "Chinese": CHINESE_NAMES}
ORGANS = {"short": ["liver", "spleen", "bladder"], "long": LONG_ORGANS, "Chinese": ["肝", "脾", "膀胱"]}
WITHOUT_FONT = "ignore:No font on this machine"


@pytest.fixture
def only_matplotlibs_fonts(monkeypatch):
    own = [font for font in fontManager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(fontManager, "ttflist", own)
    figure_text._fonts_for.cache_clear()
    yield
    figure_text._fonts_for.cache_clear()


@pytest.mark.parametrize("inches", [0.5, 1, 2, 4.4])
@pytest.mark.parametrize("size", [7, 10])
def test_a_long_name_keeps_its_two_ends(inches, size):
    name = LONG_NAMES[0]
    with figure_style([name]):
        short = fitted(name, inches, size)
        assert width_inches(short, size) <= inches
        head, tail = short.split("…")
        assert len(short) > 3
        assert abs(len(head) - len(tail)) <= 1
        assert name.startswith(head)
        assert name.endswith(tail)
        assert len({fitted(name, inches, size) for name in LONG_NAMES}) == len(LONG_NAMES)
        assert fitted("liver", inches, size) == "liver"


def test_a_name_in_two_lines_keeps_its_two_ends():
    with figure_style(LONG_NAMES):
        first, second = wrapped(LONG_NAMES[0], 1.9, 8).split("\n")
        assert max(width_inches(first, 8), width_inches(second, 8)) <= 1.9
        assert LONG_NAMES[0].startswith(first)
        assert second.endswith("KM-48732")
        assert wrapped("case_1", 1.9, 8) == "case_1"


@pytest.mark.parametrize("name", ["a$b", "costs $5 or $6", r"\frac", "a\nb", "tab\tname", "", "_"])
def test_every_name_is_text_in_one_line(name):
    with figure_style([name]):
        assert fitted(name, 3, 8) == " ".join(name.split())


def test_letters_without_a_font_are_numbers_and_said(only_matplotlibs_fonts):
    with figure_style(["左肾"]), pytest.warns(UserWarning, match="左 肾.*fonts-noto-cjk"):
        assert fitted("左肾 a", 3, 8) == "[U+5DE6][U+80BE] a"


def test_letters_of_another_font_are_drawn_in_it(only_matplotlibs_fonts, tmp_path):
    stix = get_font(findfont("STIXGeneral"))
    default = get_font(findfont("DejaVu Sans"))
    letter = chr(min(stix.get_charmap().keys() - default.get_charmap().keys()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of every letter that becomes a box
        draw(tmp_path, [f"a{letter}b"], ["liver"] * 3)


def draw(folder: Path, titles: list[str], organs: list[str]) -> None:
    ct_hu, pet_suv, labels = drawn_case()
    organs = {f"{name}" if organs.count(name) == 1 else f"{name}{i}": i + 1 for i, name in enumerate(organs)}
    draw_case(ct_hu, pet_suv, (3.0, 2.0, 2.0), dict.fromkeys(titles, labels), organs, folder / "a.png")


@pytest.mark.filterwarnings(WITHOUT_FONT)
@pytest.mark.parametrize(
    ("names", "n_segmentations"), [*(("long", n) for n in range(1, 7)), ("short", 1), ("short", 6), ("Chinese", 2)]
)
def test_texts_of_a_case_dont_overlap(names, n_segmentations, tmp_path):
    with saved_figures() as figures:
        draw(tmp_path, NAMES[names][:n_segmentations], ORGANS[names])
    texts = require_readable(figures[0])
    for name in NAMES[names][:n_segmentations]:
        assert sum(text[:3] == name[:3] and text[-5:] == name[-5:] for text in texts) or names == "Chinese"
    assert texts.count("R") == texts.count("L") == 4 * n_segmentations
    assert len(figures[0].legends[0].get_texts()) == 2


@pytest.mark.parametrize("shape", [(3, 60, 70), (200, 60, 70), (50, 10, 70), (50, 60, 15)])
def test_texts_of_images_of_any_shape_dont_overlap(shape, tmp_path):
    labels = np.zeros(shape, np.uint8)
    labels[1:2, 4:8, 5:9], labels[0, 0, 0] = 1, 2
    with saved_figures() as figures:
        segmentations = dict.fromkeys(LONG_NAMES[:2], labels)
        draw_case(
            np.zeros(shape), np.zeros(shape), (3.0, 2.0, 2.0), segmentations, {"liver": 1, "a": 2}, tmp_path / "a.png"
        )
    require_readable(figures[0])


@pytest.mark.filterwarnings(WITHOUT_FONT)
@pytest.mark.parametrize(
    ("names", "shape", "n_organs"),
    [
        ("short", (24, 24), 2),
        ("long", (24, 24), 2),
        ("long", (3, 24), 16),
        ("long", (9, 8), 40),
        ("Chinese", (9, 8), 16),
    ],
)
def test_texts_of_a_panel_dont_overlap(names, shape, n_organs, tmp_path):
    organs = {i + 1: f"{ORGANS[names][i % 3]}_{i}" for i in range(n_organs)}
    labels = np.minimum(np.arange(np.prod(shape)).reshape(shape), 3)
    masks = dict.fromkeys(("prompts", "student", "ct", "pet", "mixed"), label_masks(labels))
    agreement = dict.fromkeys(organs, 0.5)
    rows = [
        PanelRow(name, np.zeros(shape), np.zeros(shape), (3.0, 3.0), masks, agreement, {1}) for name in NAMES[names][:2]
    ]
    with saved_figures() as figures:
        plot_panel(rows, organs, f"{NAMES[names][0]}, after epoch 3", tmp_path / "a.png")
    texts = require_readable(figures[0])
    if names == "long":
        shown = [text.replace("\n", "") for text in texts]
        assert all(
            any(text.startswith(name[:12]) and text.endswith(name[-5:]) for text in shown) for name in LONG_NAMES[:2]
        )


def test_one_teachers_words_dont_overlap(tmp_path):
    masks = dict.fromkeys(("prompts", "student", "ct"), label_masks(np.eye(24, dtype=int)))
    row = PanelRow(LONG_NAMES[0], np.zeros((24, 24)), np.zeros((24, 24)), (3.0, 3.0), masks, {1: 1.0}, {1})
    with saved_figures() as figures:
        plot_panel([row], {1: LONG_ORGANS[0]}, "fold 0", tmp_path / "a.png")
    assert "kept (one teacher)" in require_readable(figures[0])


@pytest.mark.filterwarnings(WITHOUT_FONT)
@pytest.mark.parametrize(("names", "n_organs"), [("short", 2), ("long", 16), ("short", 40), ("Chinese", 16)])
def test_texts_of_curves_dont_overlap(names, n_organs, tmp_path):
    organs = {i + 1: f"{ORGANS[names][i % 3]}_{i}" for i in range(n_organs)}
    per_organ = {"agreement_per_organ": np.full((2, n_organs), 0.5).tolist()}
    table = progress_table(
        {k: v for k, v in LOGGED.items() if not k.endswith("per_organ")} | per_organ, list(organs.values())
    )
    with saved_figures() as figures:
        plot_progress(table, organs, tmp_path / "a.png")
    texts = require_readable(figures[0])
    assert {"epoch", "loss", "weight", "soft IoU, 0 to 1"} <= {*texts}
