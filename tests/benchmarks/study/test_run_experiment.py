"""Experiments of the study in processes of their own, as the command starts them, on a few phantoms."""

import argparse
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from support import make_trainer
from torch import nn

import nnunetv2_muduo
from benchmarks.study.experiments import EXPERIMENTS, MUDUO, PET_ONLY
from benchmarks.study.run_experiment import fast_dtype
from benchmarks.study.runner import Runner
from benchmarks.study.split import Split
from benchmarks.study.study_size import SMALL
from nnunetv2_muduo.phantom.cohort import write_cohort
from nnunetv2_muduo.phantom.population import Population
from nnunetv2_muduo.trainers.base import MuDuoTrainer

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
def test_experiments_are_trained_measured_and_observed(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_extTrainer", str(Path(nnunetv2_muduo.__file__).parent / "nnunet_plugin"))
    cohort = tmp_path / "cohort"
    write_cohort(cohort, 8, 0, TINY.spacing_mm, 1, Population())
    split = Split(tmp_path / "work", TINY, 2, 0)
    split.folder.mkdir()
    run = Runner(argparse.Namespace(device="cpu", processes=os.cpu_count()), cohort, None)
    experiments = (MUDUO, EXPERIMENTS["mse_3"])
    assert not run.first(split)
    with ThreadPoolExecutor() as pool:
        assert not any(pool.map(partial(run, split), experiments))

    organs = set(json.loads((split.raw / "dataset.json").read_text())["labels"]) - {"background"}
    cases = {path.name.removesuffix(".nii.gz") for path in (split.raw / "labelsTs").iterdir()}
    for experiment in (PET_ONLY, *experiments):
        measures = pd.read_csv(split.result_file(experiment.name))
        assert set(zip(measures["case"], measures["organ"], strict=True)) == {(c, o) for c in cases for o in organs}
        assert set(measures["method"]) == {experiment.name}
    assert {path.name for path in (split.folder / "pseudo_labels").iterdir()} == {split.result_file("muduo").name}
    observed = pd.read_csv(split.result_file("muduo", "pseudo_labels"))
    assert set(observed["epoch"]) == {1}
    assert observed["dice_mixed"].between(0, 1).any()

    shared, weights = torch.load(split.shared_network, weights_only=True), last_weights(split)
    changes = [float((weights[name] - shared[name]).abs().max()) for name in shared]
    assert 0 < max(changes) < 0.05  # some steps away from it; other initial weights would be ten times as far
    (file,) = split.folder.glob("nnUNet_results/*/*mse_3*/fold_0/muduo_config.yaml")
    config = yaml.safe_load(file.read_text())
    assert (config["consistency"], config["consistency_weight"]) == ("mse", 3.0)


def last_weights(split) -> dict[str, torch.Tensor]:
    (file,) = split.folder.glob(f"nnUNet_results/*/{MUDUO.trainer}__*/fold_0/checkpoint_final.pth")
    return torch.load(file, weights_only=False)["network_weights"]


def build_network(deep_supervision: bool) -> nn.Module:
    return PlainConvUNet(
        2, 2, (8, 16), nn.Conv3d, 3, (1, 2), 1, 3, 1, conv_bias=True, norm_op=nn.InstanceNorm3d, nonlin=nn.LeakyReLU,
        deep_supervision=deep_supervision,
    )  # fmt: skip


@pytest.mark.parametrize("deep_supervision", [False, True])
def test_students_in_bfloat16_give_the_same_answers_but_for_rounding(tiny_dataset, monkeypatch, deep_supervision):
    network, outputs = build_network(deep_supervision), []
    names = network.state_dict().keys()

    def build(plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision):
        return network

    monkeypatch.setattr(MuDuoTrainer, "build_network_architecture", staticmethod(build))
    trainer = make_trainer("nnUNetTrainerMuDuo_Supervised")
    trainer.enable_deep_supervision = deep_supervision
    trainer.initialize()
    generator = torch.Generator().manual_seed(0)
    x, labels = torch.randn(2, 2, 8, 8, 8, generator=generator), torch.randint(3, (2, 1, 8, 8, 8), generator=generator)
    network.register_forward_hook(lambda *call: outputs.append(call[-1]))
    for trainer.autocast_dtype in (None, torch.bfloat16):
        trainer.optimizer.zero_grad()
        loss = trainer.learn_from_labels({"data": x, "target": [labels] if deep_supervision else labels})
        assert loss.dtype == "float32"
        assert all(p.grad.dtype == torch.float32 for p in network.parameters() if p.grad is not None)
    exact, rounded = outputs if deep_supervision else ([outputs[0]], [outputs[1]])
    for a, b in zip(exact, rounded, strict=True):
        assert (a.dtype, b.dtype) == (torch.float32, torch.bfloat16)
        assert 1e-4 < (a - b).abs().max() < 0.1  # it was rounded, and no more than that
    assert network.state_dict().keys() == names


def test_bfloat16_is_for_cpus_that_have_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert fast_dtype(torch.device("cpu")) == torch.bfloat16
    assert fast_dtype(torch.device("cuda")) is None
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert fast_dtype(torch.device("cpu")) is None
