import numpy as np
import pytest

from nnunetv2_muduo.visualization.report_data import read_training


def test_what_was_trained_is_read(made_up_training):
    record = read_training(made_up_training.fold)
    assert (record.dataset, record.trainer, record.fold) == ("Dataset007_MadeUp", "nnUNetTrainerMuDuo", "0")
    assert record.finished
    assert record.organs[3] == "kidney_left"
    assert list(record.panels) == [0, 20, 40, 59]
    assert record.cases["set"].value_counts().to_dict() == {"unlabeled": 30, "labeled": 6, "val": 4}
    assert record.cases.set_index("case").loc["other_4_study", "prompts"] == set(range(1, 12))
    assert record.progress.loc[7, "agreement_aorta"] == pytest.approx(0.05 + 0.3 + 0.4 * (1 - np.exp(-7 / 15)))
