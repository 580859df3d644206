"""Rows of the study in processes of their own, as the command starts them, on a few phantoms."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

import nnunetv2_muduo
from benchmarks.study.label_efficiency import Runner
from benchmarks.study.rows import MUDUO, PET_ONLY, ROWS
from benchmarks.study.scale import SMALL, Setting
from nnunetv2_muduo.phantom.cohort import write_cohort
from nnunetv2_muduo.phantom.population import Population

TINY = replace(
    SMALL,
    n_test=2,
    n_val=1,
    n_train=5,
    n_features=4,
    n_iterations_per_epoch=10,
    n_shared_epochs=1,
    n_epochs=1,
    ramp_up_epochs=1,
)


@pytest.mark.slow
def test_rows_are_trained_measured_and_observed(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_extTrainer", str(Path(nnunetv2_muduo.__file__).parent / "nnunet_plugin"))
    cohort = tmp_path / "cohort"
    write_cohort(cohort, 8, 0, TINY.spacing_mm, 1, Population())
    setting = Setting(tmp_path / "work", TINY, 2, 0)
    setting.folder.mkdir()
    run = Runner(argparse.Namespace(device="cpu", processes=1), cohort, None)
    rows = (MUDUO, ROWS["mse_3"])
    assert not run.first(setting)
    assert not any([run(setting, row) for row in rows])

    organs = set(json.loads((setting.raw / "dataset.json").read_text())["labels"]) - {"background"}
    cases = {path.name.removesuffix(".nii.gz") for path in (setting.raw / "labelsTs").iterdir()}
    for row in (PET_ONLY, *rows):
        measures = pd.read_csv(setting.result_file(row.name))
        assert set(zip(measures["case"], measures["organ"], strict=True)) == {(c, o) for c in cases for o in organs}
        assert set(measures["method"]) == {row.name}
    assert {path.name for path in (setting.folder / "pseudo_labels").iterdir()} == {setting.result_file("muduo").name}
    observed = pd.read_csv(setting.result_file("muduo", "pseudo_labels"))
    assert set(observed["epoch"]) == {1}
    assert observed["dice_mixed"].between(0, 1).any()

    shared, weights = torch.load(setting.shared_network, weights_only=True), last_weights(setting)
    changes = [float((weights[name] - shared[name]).abs().max()) for name in shared]
    assert 0 < max(changes) < 0.05  # some steps away from it; other initial weights would be ten times as far
    (file,) = setting.folder.glob("nnUNet_results/*/*mse_3*/fold_0/muduo_config.yaml")
    config = yaml.safe_load(file.read_text())
    assert (config["consistency"], config["consistency_weight"]) == ("mse", 3.0)


def last_weights(setting) -> dict[str, torch.Tensor]:
    (file,) = setting.folder.glob(f"nnUNet_results/*/{MUDUO.trainer}__*/fold_0/checkpoint_final.pth")
    return torch.load(file, weights_only=False)["network_weights"]
