import io

import numpy as np
import pandas as pd
import pytest
import seaborn
from matplotlib import colors
from PIL import Image

from nnunetv2_muduo.visualization.case_figure import organ_color
from nnunetv2_muduo.visualization.teacher_picture import PanelRow, label_masks, plot_panel
from nnunetv2_muduo.visualization.training_curves import plot_progress, progress_table

NAMES = {1: "liver", 2: "an_organ_whose_name_is_longer_than_any"}
LABELS = np.kron([[0, 0, 0], [1, 0, 2]], np.ones((20, 20), int))


def make_row(agreement, kept, everybody=("prompts", "student", "ct", "pet", "mixed")) -> PanelRow:
    masks = {who: label_masks(LABELS) for who in everybody}
    return PanelRow("case", np.zeros(LABELS.shape), np.ones(LABELS.shape), (2.0, 1.0), masks, agreement, kept)


def pixels(plot, *arguments) -> np.ndarray:
    """What a plot function draws, [height, width, 3]."""
    buffer = io.BytesIO()
    plot(*arguments, buffer)
    return np.asarray(Image.open(buffer).convert("RGB"))


def n_pixels(picture: np.ndarray, value: int) -> int:
    """Number of pixels that have exactly the color of an organ."""
    color = np.round(np.multiply(colors.to_rgb(organ_color(value)), 255)).astype(int)
    return int((picture == color).all(-1).sum())


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


LOGGED = {
    "epoch_start_timestamps": [0.0, 10.0, 20.0],
    "epoch_end_timestamps": [9.0, 18.0],
    "train_losses": [0.5, 0.4, 0.3],
    "val_losses": [0.6, 0.5],
    "consistency_losses": [0.1, 0.2, 0.3],
    "ramp_up_weights": [0.01, 0.1],
    "agreement_per_organ": [[0.1, np.nan], [0.3, 0.4]],
    "kept_share_per_organ": [[0.5, np.nan], [0.5, 1.0]],
}


def test_the_table_has_a_row_per_whole_epoch():
    table = progress_table(LOGGED, ["liver", "spleen"])
    expected = pd.DataFrame({
        "epoch": [0, 1], "seconds": [9.0, 8.0], "train_loss": [0.5, 0.4], "val_loss": [0.6, 0.5],
        "consistency_loss": [0.1, 0.2], "ramp_up_weight": [0.01, 0.1],
        "agreement_liver": [0.1, 0.3], "agreement_spleen": [np.nan, 0.4],
        "kept_share_liver": [0.5, 0.5], "kept_share_spleen": [np.nan, 1.0],
    })  # fmt: skip
    pd.testing.assert_frame_equal(table, expected)


def test_curves_have_the_colors_of_the_organs():
    table = progress_table(LOGGED, list(NAMES.values()))
    picture = pixels(plot_progress, table, NAMES)
    half = picture[picture.shape[0] // 2 :, : picture.shape[1] // 2]
    assert n_pixels(half, 1) > 100
    gone = pixels(plot_progress, table.assign(agreement_liver=np.nan), NAMES)[
        len(picture) // 2 :, : picture.shape[1] // 2
    ]
    assert n_pixels(gone, 1) < n_pixels(half, 1) - 100


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
