import numpy as np
import pandas as pd
from fixtures.pictures import LOGGED, NAMES, n_pixels, pixels

from nnunetv2_muduo.visualization.training_curves import plot_progress, progress_table


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
