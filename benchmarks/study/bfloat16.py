"""Students' convolutions in bfloat16 on CPUs that have it: all rows' trainings then take little more than half the time."""

import functools

import torch
from torch import nn

from nnunetv2_muduo.trainers.base import MuDuoTrainer


def compute_in_bfloat16() -> None:
    """From now on this process's students and prompt generators compute in bfloat16; weights and losses stay float32."""
    build = MuDuoTrainer.build_network_architecture

    @functools.wraps(build)  # nnU-Net reads the signature
    def build_faster(*args, **kwargs) -> nn.Module:
        network = build(*args, **kwargs)
        network.forward = _in_bfloat16(network.forward)
        return network

    MuDuoTrainer.build_network_architecture = staticmethod(build_faster)


def _in_bfloat16(forward):
    @functools.wraps(forward)
    def forward_faster(x: torch.Tensor):
        with torch.autocast("cpu", torch.bfloat16):
            outputs = forward(x)
        return [o.float() for o in outputs] if isinstance(outputs, list) else outputs.float()

    return forward_faster
