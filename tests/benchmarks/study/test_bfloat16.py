"""Students in bfloat16 say what they say in float32, with weights, losses and gradients in float32."""

import copy

import pytest
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from torch import nn

from benchmarks.study.bfloat16 import compute_in_bfloat16
from nnunetv2_muduo.trainers.base import MuDuoTrainer


def build_network(deep_supervision: bool) -> nn.Module:
    return PlainConvUNet(
        2, 2, (8, 16), nn.Conv3d, 3, (1, 2), 1, 3, 1, conv_bias=True, norm_op=nn.InstanceNorm3d, nonlin=nn.LeakyReLU,
        deep_supervision=deep_supervision,
    )  # fmt: skip


@pytest.mark.parametrize("deep_supervision", [False, True])
def test_the_same_answers_but_for_rounding(monkeypatch, deep_supervision):
    network = build_network(deep_supervision)
    monkeypatch.setattr(MuDuoTrainer, "build_network_architecture", staticmethod(lambda: copy.deepcopy(network)))
    compute_in_bfloat16()
    faster = MuDuoTrainer.build_network_architecture()
    x = torch.randn(2, 2, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    exact, rounded = network(x), faster(x)
    if not deep_supervision:
        exact, rounded = [exact], [rounded]
    for a, b in zip(exact, rounded, strict=True):
        assert b.dtype == torch.float32
        assert 1e-4 < (a - b).abs().max() < 0.1  # it was rounded, and no more than that
    rounded[0].mean().backward()
    assert all(p.grad.dtype == torch.float32 for p in faster.parameters() if p.grad is not None)
    assert faster.state_dict().keys() == network.state_dict().keys()
