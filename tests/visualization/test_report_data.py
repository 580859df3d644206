import os
import shutil

import numpy as np
import pytest

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.data.generator_identity import GENERATOR_RECORD
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


@pytest.fixture
def newer_maps(made_up_training):
    """Maps of another generator, made later, in which the liver is in no case."""
    newer = made_up_training.maps.with_name(made_up_training.maps.name.replace("0123abcd", "4567cdef"))
    shutil.copytree(made_up_training.maps, newer)
    for places in newer.glob("*.npz"):
        with np.load(places) as content:
            np.savez(places, **{**content, "1": np.zeros((0, 4), np.int16)})
    os.utime(made_up_training.maps, (0, 0))


@pytest.mark.parametrize(
    ("generator", "of_newest"), [("0123abcd" + 24 * "0", False), ("4567cdef" + 24 * "0", True), (None, True)]
)
def test_the_prompts_are_those_of_the_trainings_own_generator(
    made_up_training, newer_maps, generator, of_newest, capsys
):
    if generator is not None:
        made_up_training.write_json(made_up_training.fold / GENERATOR_RECORD, {"generator": {}, "id": generator})
    assert main(["report", str(made_up_training.fold)]) == 0
    assert ("No prompt map holds liver" in capsys.readouterr().out) == of_newest
    found = read_training(made_up_training.fold).cases.set_index("case").loc["other_4_study", "prompts"]
    assert found == set(range(1 + of_newest, 12))


def test_maps_that_are_gone_are_not_replaced_by_anothers(made_up_training, newer_maps):
    made_up_training.write_json(made_up_training.fold / GENERATOR_RECORD, {"generator": {}, "id": 32 * "f"})
    assert read_training(made_up_training.fold).cases["prompts"].isna().all()
