from dataclasses import replace

import numpy as np
import pytest
import seaborn
from fixtures.drawn_texts import saved_figures
from fixtures.pictures import LOGGED, NAMES, n_pixels, pixels

from nnunetv2_muduo.visualization.teacher_picture import PanelRow, label_masks, plot_panel
from nnunetv2_muduo.visualization.training_curves import plot_progress, progress_table

LABELS = np.kron([[0, 0, 0], [1, 0, 2]], np.ones((20, 20), int))


def make_row(agreement, kept, everybody=("prompts", "student", "ct", "pet", "mixed")) -> PanelRow:
    masks = {who: label_masks(LABELS) for who in everybody}
    return PanelRow("case", np.zeros(LABELS.shape), np.ones(LABELS.shape), (2.0, 1.0), masks, agreement, kept)


def test_bars_are_filled_where_an_organ_is_kept():
    kept = pixels(plot_panel, [make_row({1: 0.8, 2: 0.8}, {1, 2})], NAMES, "title")
    one = pixels(plot_panel, [make_row({1: 0.8, 2: 0.8}, {2})], NAMES, "title")
    lower = pixels(plot_panel, [make_row({1: 0.2, 2: 0.8}, {1, 2})], NAMES, "title")
    assert n_pixels(kept, 1) > n_pixels(one, 1) + 200
    assert n_pixels(kept, 1) > n_pixels(lower, 1) + 200
    assert kept.shape == one.shape


def test_every_opinion_has_its_column():
    both = pixels(plot_panel, [make_row({1: 0.5}, {1})] * 2, NAMES, "title")
    alone = pixels(plot_panel, [make_row({1: 1.0}, {1}, ("prompts", "student", "ct"))] * 2, NAMES, "title")
    assert both.shape[1] - alone.shape[1] == 2 * 195
    assert both.shape[0] == alone.shape[0]
    single = pixels(plot_panel, [make_row({1: 0.5}, {1})], NAMES, "title")
    assert both.shape[0] - single.shape[0] == pytest.approx(100 * (1.9 * 80 / 60 + 0.05), abs=2)  # 40 x 2 mm by 60 mm


def test_organs_that_nobody_sees_are_no_trouble():
    row = make_row({2: 0.1}, set())
    row.masks["ct"][2] = np.zeros(LABELS.shape, bool)
    assert pixels(plot_panel, [row], NAMES, "title").size


def test_seaborns_settings_change_no_picture():
    table = progress_table(LOGGED, list(NAMES.values()))
    row = make_row({1: 0.5}, {1})
    expected = pixels(plot_progress, table, NAMES), pixels(plot_panel, [row], NAMES, "title")
    try:
        seaborn.set_theme(font_scale=2.5)  # as nnU-Net's progress.png does
        found = pixels(plot_progress, table, NAMES), pixels(plot_panel, [row], NAMES, "title")
    finally:
        seaborn.reset_orig()
    for a, b in zip(expected, found, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("sides_known", [True, False])
def test_sides_are_marked_where_the_image_tells_them(sides_known, tmp_path):
    row = replace(make_row({1: 0.5}, {1}), sides_known=sides_known)
    with saved_figures() as figures:
        plot_panel([row, row], NAMES, "title", tmp_path / "a.png")
    texts = [text.get_text() for axes in figures[0].axes for text in axes.texts]
    n_images = 14
    assert texts.count("R") == texts.count("L") == (n_images if sides_known else 0)
    assert texts.count("2 cm") == n_images  # of 60 mm
