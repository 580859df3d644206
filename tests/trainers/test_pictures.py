import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from support import make_trainer, started_trainer, write_config

from nnunetv2_muduo.trainers import pictures
from nnunetv2_muduo.trainers.inspection import inspect_patches


def trained_weights() -> dict[str, torch.Tensor]:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    trainer = make_trainer()
    trainer.run_training()
    return trainer.network.state_dict()


def test_a_training_draws_and_is_not_changed_by_it(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, picture_every_epochs=0, least_agreement=0.0)
    expected = trained_weights()
    folder = Path(make_trainer().output_folder)
    assert not (folder / pictures.PANEL_FOLDER).exists()
    write_config(monkeypatch, tmp_path, picture_every_epochs=1, least_agreement=0.0)
    weights = trained_weights()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    panels = sorted((folder / pictures.PANEL_FOLDER).iterdir())
    assert [path.name for path in panels] == ["epoch_0000.png", "epoch_0001.png"]
    assert Image.open(panels[0]).size == Image.open(panels[1]).size
    assert Image.open(folder / "muduo_progress.png").size[0] > 800
    table = pd.read_csv(folder / "muduo_progress.csv")
    assert list(table["epoch"]) == [0, 1]
    shares = table[["kept_share_liver", "kept_share_spleen"]].to_numpy()
    assert ((shares > 0) & (shares <= 1))[~np.isnan(shares)].all()


def test_rows_of_the_picture_hold_what_was_said(prepared_dataset):
    trainer = started_trainer()
    inspection = inspect_patches(trainer)
    row = pictures.panel_rows(inspection, trainer)[0]
    assert row.case == inspection.patches[0].case
    assert row.agreement.keys() == {1 + int(o) for o in inspection.pairs.organs[inspection.pairs.of_sample(0)]}
    assert row.kept == {1 + organ for organ in range(2) if inspection.kept[0, organ]}
    assert row.ct_hu.shape == row.pet_suv.shape == (24, 24)
    assert row.ct_hu.min() < -100  # HU, not normalized
    assert row.masks.keys() == {"prompts", "student", "average", "ct", "pet", "mixed"}
    assert {mask.shape for masks in row.masks.values() for mask in masks.values()} == {(24, 24)}


def test_one_teacher_is_drawn_alone(prepared_dataset):
    trainer = started_trainer("nnUNetTrainerMuDuo_PETTeacherOnly")
    rows = pictures.panel_rows(inspect_patches(trainer), trainer)
    assert rows[0].masks.keys() == {"prompts", "student", "average", "pet", "mixed"}
    assert rows[0].kept == rows[0].agreement.keys()
    pictures.draw_panel(trainer, 3)
    assert (Path(trainer.output_folder) / pictures.PANEL_FOLDER / "epoch_0003.png").is_file()


def test_a_failure_is_logged_and_stops_nothing(prepared_dataset, monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError("no memory for pictures")

    monkeypatch.setattr(pictures, "inspect_patches", fail)
    monkeypatch.setattr(pictures, "draw_curves", fail)
    trainer = make_trainer()
    trainer.run_training()
    log = Path(trainer.log_file).read_text()
    assert log.count("OutOfMemoryError: no memory for pictures. Training goes on.") == 4  # curves and panel, two epochs
    assert "Training done." in log
    assert trainer.current_epoch == 2


class Recorder:
    """A trainer that draws nothing but notes what it would."""

    def __init__(self, config, n_epochs: int = 25, local_rank: int = 0):
        self.muduo_config, self.num_epochs, self.local_rank = config, n_epochs, local_rank
        self.drawn: dict[str, list[int]] = {"curves": [], "panel": []}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [0, 10, 20, 24]),
        ({"picture_every_epochs": 12}, [0, 12, 24]),
        ({"picture_every_epochs": 0}, []),
        ({"consistency_weight": 0}, []),  # plain nnU-Net asks no teacher
    ],
)
def test_when_pictures_are_due(values, expected, monkeypatch):
    from nnunetv2_muduo.config import MuDuoConfig

    monkeypatch.setattr(pictures, "draw_curves", lambda trainer, epoch: trainer.drawn["curves"].append(epoch))
    monkeypatch.setattr(pictures, "draw_panel", lambda trainer, epoch: trainer.drawn["panel"].append(epoch))
    first, other = Recorder(MuDuoConfig(**values)), Recorder(MuDuoConfig(**values), local_rank=1)
    for epoch in range(25):
        pictures.draw_pictures(first, epoch)
        pictures.draw_pictures(other, epoch)
    assert first.drawn == {"curves": list(range(25)), "panel": expected}
    assert other.drawn == {"curves": [], "panel": []}
