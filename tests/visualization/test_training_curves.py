import numpy as np
import pandas as pd
from fixtures.pictures import LOGGED, NAMES, n_pixels, pixels

from nnunetv2_muduo.visualization.training_curves import charts, plot_progress, progress_table


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


WITHOUT_TEACHERS = {key: values for key, values in LOGGED.items() if not key.endswith("_per_organ")}


def test_a_method_may_keep_lists_of_its_own_and_lack_others():
    own = {"drift": [0.0, 0.5], "entropy_per_organ": [[1.0, np.nan], [3.0, 4.0]], "never_logged": []}
    table = progress_table(WITHOUT_TEACHERS | own, ["liver", "spleen"])
    expected = pd.DataFrame({
        "epoch": [0, 1], "seconds": [9.0, 8.0], "train_loss": [0.5, 0.4], "val_loss": [0.6, 0.5],
        "consistency_loss": [0.1, 0.2], "ramp_up_weight": [0.01, 0.1], "drift": [0.0, 0.5],
        "entropy_per_organ_liver": [1.0, 3.0], "entropy_per_organ_spleen": [np.nan, 4.0],
    })  # fmt: skip
    pd.testing.assert_frame_equal(table, expected)


def test_what_is_there_is_drawn():
    losses = ["nnU-Net's loss", "Consistency loss", "Weight of the consistency loss"]
    of_teachers = ["Agreement of the teachers (soft IoU)", "Kept share of the valid pairs"]
    organs = list(NAMES.values())
    assert [chart.title for chart in charts(progress_table(LOGGED, organs), NAMES)] == losses + of_teachers
    plain = progress_table(WITHOUT_TEACHERS, organs)
    assert [chart.title for chart in charts(plain, NAMES)] == losses
    table = progress_table(WITHOUT_TEACHERS | {"drift": [0, 1], "entropy_per_organ": [[0, 1], [2, 3]]}, organs)
    drift, entropy = charts(table, NAMES)[3:]
    assert (drift.title, drift.limits, list(drift.lines)) == ("Drift", None, ["drift"])
    assert (entropy.title, entropy.limits) == ("Entropy per organ", None)
    assert [label for label, _ in entropy.lines.values()] == organs
    assert n_pixels(pixels(plot_progress, plain, NAMES), 1) == 0
    assert n_pixels(pixels(plot_progress, table, NAMES), 1) > 50


def test_an_organ_whose_name_ends_in_anothers_gets_no_curve_of_its_own():
    names = {1: "lung", 2: "left_lung"}
    table = progress_table(WITHOUT_TEACHERS | {"agreement_per_organ": [[0.1, 0.2], [0.3, 0.4]]}, list(names.values()))
    assert [list(chart.lines) for chart in charts(table, names)[3:]] == [["agreement_lung", "agreement_left_lung"]]


OKABE_ITO = {"#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7"}  # without yellow and black


def test_charts_name_their_axes_and_organs_stay_apart():
    names = {value: f"organ_{value}" for value in range(1, 21)}
    per_organ = {"agreement_per_organ": np.full((2, 20), 0.5).tolist(), "dice_per_class_or_region": [[0.5] * 20] * 2}
    drawn = charts(progress_table(WITHOUT_TEACHERS | per_organ, list(names.values())), names)
    assert [chart.y_label for chart in drawn] == ["loss", "loss", "weight", "soft IoU, 0 to 1", "Dice, 0 to 1"]
    looks = [(color, style) for (_, color), style in zip(drawn[3].lines.values(), drawn[3].line_styles(), strict=True)]
    assert len({*looks}) == 20
    assert {color for color, _ in looks[:8]} > OKABE_ITO
    assert {style for _, style in looks[:8]} == {"solid"}
