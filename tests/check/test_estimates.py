"""Counted costs of a training: against formulas written out here, and what they grow with."""

import math
import re

import pytest
import torch
from fixtures.check import ARCHITECTURE
from support import write_config

from nnunetv2_muduo.check import estimates
from nnunetv2_muduo.check.estimates import (
    ASSUMED_TFLOPS,
    CONTEXT_GIB,
    count_batch,
    estimate_finding,
    memory_gib,
    teacher_flops,
    training_tflops,
)
from nnunetv2_muduo.check.findings import OK


def settings(edge=16, batch_size=2):
    return {"patch_size": [edge] * 3, "batch_size": batch_size, "architecture": ARCHITECTURE}


def flops_of_convolutions(edge: int, batch_size: int, n_channels: int, n_labels: int) -> int:
    """Multiplications and additions of a plain U-Net's convolutions: 2 voxels in out kernel^3 each."""
    features, total, n_in = ARCHITECTURE["arch_kwargs"]["features_per_stage"], 0, n_channels
    for stage, n_out in enumerate(features):
        voxels = (edge // 2**stage) ** 3
        total += 2 * voxels * 27 * (n_in * n_out + n_out * n_out)
        n_in = n_out
    for stage in reversed(range(len(features) - 1)):
        voxels, n, below = (edge // 2**stage) ** 3, features[stage], features[stage + 1]
        total += 2 * voxels * below * n  # each output voxel of the transposed convolution has one input voxel
        total += 2 * voxels * 27 * (2 * n * n + n * n)
        total += 2 * voxels * n * n_labels
    return batch_size * total


@pytest.mark.parametrize(("edge", "batch_size", "n_channels", "n_labels"), [(16, 2, 2, 3), (32, 1, 1, 13)])
def test_operations_are_those_of_the_convolutions(edge, batch_size, n_channels, n_labels):
    count = count_batch(settings(edge, batch_size), n_channels, n_labels)
    assert count.forward_flops == flops_of_convolutions(edge, batch_size, n_channels, n_labels)
    assert (
        2.8 < count.step_flops / count.forward_flops <= 3
    )  # a backward pass is two forward ones, but for the image's gradient


def test_weights_are_those_of_the_network():
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    names = ARCHITECTURE["network_class_name"], ARCHITECTURE["arch_kwargs"], ARCHITECTURE["_kw_requires_import"]
    network = get_network_from_plans(*names, 2, 3, deep_supervision=True)
    assert count_batch(settings(), 2, 3).n_weights == sum(p.numel() for p in network.parameters())


def test_what_is_kept_grows_with_patch_and_batch():
    small, batch, patch = (count_batch(settings(*of), 2, 3) for of in ((16, 2), (16, 4), (32, 2)))
    for larger, times in ((batch, 2), (patch, 8)):
        assert times * 0.8 < larger.kept_bytes / small.kept_bytes < times * 1.2
    values = 2 * 16**3 * 8 * 4  # of one layer of the first stage, in float32
    assert 8 * values < small.kept_bytes < 40 * values
    assert all(map(math.isfinite, (small.forward_flops, small.step_flops)))


def test_a_training_is_its_steps():
    count = count_batch(settings(), 2, 3)
    one = training_tflops(count, 1, 1, 250)
    assert one == pytest.approx((250 * count.step_flops + 50 * count.forward_flops) / 1e12)
    assert training_tflops(count, 1, 1000, 250) == pytest.approx(1000 * one)
    assert training_tflops(count, 2, 1, 250) == pytest.approx(one + 250 * count.step_flops / 1e12)


def test_memory_has_teachers_and_the_optimizers_copies():
    count = count_batch(settings(), 2, 3)
    plain = memory_gib(count, "sgd", 0)
    assert plain > CONTEXT_GIB
    assert memory_gib(count, "sgd", 2**28) == pytest.approx(plain + 1)
    assert memory_gib(count, "adamw", 0) == pytest.approx(plain + count.n_weights * 4 / 2**30)


def test_encoding_is_two_operations_a_weight_and_token():
    assert teacher_flops(n_weights=10, image_size=24, patch_size=4) == 2 * 10 * 6**3


def test_the_row_says_that_it_is_an_estimate():
    row = estimate_finding(7.6, {"student": 31.7, "prompt generator": 0.04})
    assert row.status == OK
    for words in ("about 8 GiB", "student 32 h", "prompt generator under 0.1 h", f"assumed {ASSUMED_TFLOPS} TFLOP/s"):
        assert words in row.found
    assert "no GPU was measured" in row.found


def test_the_check_has_one(dataset, check):
    _, found = check()
    assert "GiB of GPU memory, student" in found["estimate"][1]
    assert "prompt generator" in found["estimate"][1]
    _, found = check("-tr", "nnUNetTrainerMuDuo_Supervised")
    assert "prompt generator" not in found["estimate"][1]


def test_a_patch_at_the_teachers_spacing_is_counted(dataset, check, tmp_path, monkeypatch):
    hours = {}
    for spacing_mm in (None, 8.0):  # the data set has 4 mm: eight times as many voxels
        write_config(
            monkeypatch, tmp_path, teacher_spacing_mm=spacing_mm, num_epochs=100_000, num_iterations_per_epoch=250
        )
        _, found = check()
        hours[spacing_mm] = float(re.search(r"student ([\d.]+) h", found["estimate"][1]).group(1))
    assert 6 < hours[8.0] / hours[None] < 9


RIVALS = {  # hours and GiB as multiples of self-training's student, whose step is one network's, labeled and unlabeled half
    "MeanTeacher": ((6.2 + 1) / 6.2, 1.0),
    "UAMeanTeacher": ((6.2 + 9) / 6.2, 1.0),
    "CPS": (2.0, 2.0),
    "SASSNet": (1.0, 1.0),
}


@pytest.mark.parametrize("method", RIVALS)
def test_further_networks_of_a_method_are_counted(dataset, check, tmp_path, monkeypatch, method):
    def estimated(name):
        _, found = check("-tr", f"nnUNetTrainer{name}")
        numbers = re.search(r"about (\d+) GiB of GPU memory, student ([\d.]+) h", found["estimate"][1])
        return tuple(float(number) for number in numbers.groups())

    monkeypatch.setattr(estimates, "CONTEXT_GIB", 0.0)
    write_config(monkeypatch, tmp_path, patch_size=192, num_epochs=10_000, num_iterations_per_epoch=250)
    (gib, hours), (own_gib, own_hours) = estimated("SelfTraining"), estimated(method)
    assert own_hours / hours == pytest.approx(RIVALS[method][0], rel=0.05)
    assert own_gib / gib == pytest.approx(RIVALS[method][1], rel=0.2)


def test_nothing_is_computed(monkeypatch):
    """On the meta device there are no values: a patch that no machine holds is counted as well."""
    count = count_batch(settings(1024, 64), 2, 3)
    assert count.kept_bytes > 2**40
    assert torch.empty(1).device.type == "cpu"
