"""Rows in processes of their own, as the commands start them, on a few phantoms."""

import os
import time
from dataclasses import replace

import pytest
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from support import make_trainer
from torch import nn

from benchmarks.study.patients import Group
from benchmarks.study.results import read_results
from benchmarks.study.rows import BY_NAME
from benchmarks.study.runner import Runner
from benchmarks.study.study_size import SMALL
from nnunetv2_muduo.phantom.cohort import write_cohort
from nnunetv2_muduo.phantom.population import Population
from nnunetv2_muduo.storage import read_json
from nnunetv2_muduo.trainers.base import MuDuoTrainer

TINY = replace(SMALL, n_features=4, n_iterations_per_epoch=10, n_shared_epochs=1, n_epochs=1)
GROUP = Group("tiny", n_val=1, n_test=2)
ROWS = (
    "supervised_pet",
    "muduo",
    "self_training",
    "second_map_as_label",
    "true_masks",
    "ensemble",
    "all_labels",
    "teachers_patients",
)


@pytest.mark.slow
def test_rows_are_trained_measured_and_kept(tmp_path):
    write_cohort(tmp_path / "cohort", 8, 0, TINY.spacing_mm, 1, Population())
    write_cohort(tmp_path / "of_teachers", 5, 1, TINY.spacing_mm, 1, Population())
    studies, of_teachers = (
        sorted(file.parent for file in (tmp_path / name).glob("*/*/SEG.nii.gz")) for name in ("cohort", "of_teachers")
    )
    folders = tmp_path / "work", tmp_path / "out"
    runner = Runner(*folders, GROUP, TINY, studies, "cpu", os.cpu_count(), time.monotonic() + 1e5, tuple(of_teachers))
    assert not runner.run_all([BY_NAME[name] for name in ROWS], [2], [0])

    results = {result["row"]: result for result in read_results(tmp_path / "out", GROUP)}
    assert results.keys() == set(ROWS)
    for result in results.values():
        assert result["cases"].keys() == {"study_006", "study_007"}
        assert all(len(measures) == 3 for organs in result["cases"].values() for measures in organs.values())
    costs = {name: (result["steps"], result["steps_before"]) for name, result in results.items()}
    assert costs["supervised_pet"] == costs["teachers_patients"] == (10, 10)
    assert costs["muduo"] == costs["self_training"] == (10, 10 + 20)  # and a generator of as many iterations in all
    assert costs["ensemble"] == (20, 20)
    # Two halves, and the map brought to the patch as teachers' answers are, which counts beside so small a network.
    assert 2 <= results["true_masks"]["tflop"] / results["all_labels"]["tflop"] < 2.1
    assert {pair["epoch"] for pair in results["muduo"]["pseudo_labels"]} == {1}
    assert results["muduo"]["teachers"].keys() == {"ct", "pet"}
    split = runner.split_of(BY_NAME["muduo"], 2, 0)
    assert {file.stem for file in split.own_folder.glob("shared_*.pth")} == {"shared_all", "shared_pet"}
    generators = {folder.name.split("-")[0] for folder in (split.folder / "nnUNet_results" / split.dataset).iterdir()}
    assert {"nnUNetTrainerMuDuoPromptGenerator", "nnUNetTrainerStudySecondNetwork"} <= generators

    of_theirs = split.own_folder.with_name("Dataset130_Study")  # three cases, all with labels
    for name, folder in (("MuDuo_muduo", split.own_folder), ("MuDuo_Supervised_teachers_patients", of_theirs)):
        shared = torch.load(folder / "shared_all.pth", weights_only=True)["weights"]
        (file,) = split.folder.glob(
            f"nnUNet_results/{split.dataset}/nnUNetTrainer{name}__*/fold_0/checkpoint_final.pth"
        )
        weights = torch.load(file, weights_only=False)["network_weights"]
        changes = [float((weights[name] - shared[name]).abs().max()) for name in shared]
        assert 0 < max(changes) < 0.05  # some steps away from it; other initial weights would be ten times as far
    assert read_json(file.with_name("study.json"))["settings"] == results["teachers_patients"]["settings"]


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
