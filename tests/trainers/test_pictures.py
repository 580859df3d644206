import random
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import torch
from support import make_trainer, write_config

from nnunetv2_muduo.data.prompt_maps import prompt_map_folder
from nnunetv2_muduo.distillation.pseudo_labels import patch_probs, soft_iou
from nnunetv2_muduo.trainers import pictures
from nnunetv2_muduo.trainers.consultation import consult


def started_trainer(name: str = "nnUNetTrainerMuDuo"):
    trainer = make_trainer(name)
    trainer.on_train_start()
    return trainer


def trained_weights() -> dict[str, torch.Tensor]:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    trainer = make_trainer()
    trainer.run_training()
    return trainer.network.state_dict()


def test_a_training_draws_and_is_not_changed_by_it(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, picture_every_epochs=0)
    expected = trained_weights()
    folder = Path(make_trainer().output_folder)
    assert not (folder / pictures.PANEL_FOLDER).exists()
    write_config(monkeypatch, tmp_path, picture_every_epochs=1)
    weights = trained_weights()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert sorted(p.name for p in (folder / pictures.PANEL_FOLDER).iterdir()) == ["epoch_0000.png", "epoch_0001.png"]
    picture = matplotlib.image.imread(folder / pictures.PANEL_FOLDER / "epoch_0001.png")
    assert picture.shape[1] > 1200
    table = pd.read_csv(folder / "muduo_progress.csv")
    assert list(table["epoch"]) == [0, 1]
    assert (folder / "muduo_progress.png").stat().st_size > 10_000
    assert ((table["kept_share_liver"] > 0) & (table["kept_share_liver"] <= 1)).all()
