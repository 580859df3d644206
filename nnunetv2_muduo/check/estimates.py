"""Estimates of a training's GPU memory and hours, from the plan's patch, batch and network, and from the teachers.

What is counted is exact: on PyTorch's meta device, where tensors have shapes and no values, one labeled batch goes through
the student forward and backward, and its floating-point operations, its weights and what it keeps for the backward pass are
added up. What a GPU makes of that is an assumption: no GPU was at hand when this was written. `python -m
benchmarks.speed.estimates` measures a machine's own throughput and memory against the count (docs/speed.md).
"""

from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from nnunetv2_muduo.check.findings import Finding, finding
from nnunetv2_muduo.nnunet_schedule import NNUNET_SCHEDULE

ASSUMED_TFLOPS = 20
"""Throughput in mixed precision, in 10^12 operations a second: assumed, not measured."""
CONTEXT_GIB = 1.0
"""CUDA's own memory and workspaces: assumed, not measured."""
HALF_PRECISION = 0.5
"""Share of float32's bytes that the kept values have in mixed precision."""
COPIES_OF_WEIGHTS = {"sgd": 3, "adamw": 4}
"""Weights, their gradients, and the optimizer's moments, all in float32."""
BYTES = 4


@dataclass(frozen=True)
class Count:
    """What one batch costs in a network."""

    forward_flops: float
    step_flops: float
    """Forward and backward."""
    kept_bytes: int
    """What is kept in float32 for the backward pass, beside the weights."""
    n_weights: int
    """Those that learn."""

    def times(self, n_networks: int) -> "Count":
        """What the batch costs in several such networks, all kept until the backward pass."""
        return Count(*(n_networks * value for value in astuple(self)))


def count_batch(settings: dict[str, Any], n_channels: int, n_labels: int) -> Count:
    """Send a batch through the network of a configuration, without values.

    Args:
        settings: of the configuration in nnU-Net's plans, with `architecture`, `patch_size` and `batch_size`.
        n_labels: with background.
    """
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    of = settings["architecture"]
    names = of["network_class_name"], of["arch_kwargs"], of["_kw_requires_import"]
    with torch.device("meta"):
        network = get_network_from_plans(*names, n_channels, n_labels, allow_init=False, deep_supervision=True)
        return count_of(network, torch.empty(settings["batch_size"], n_channels, *settings["patch_size"]))


def count_of(network: torch.nn.Module, batch: torch.Tensor) -> Count:
    """Send a batch through a network forward and backward, both on the meta device."""
    weights, kept, tensors = {one.untyped_storage()._cdata for one in network.parameters()}, {}, []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:  # these are counted by themselves
            kept[storage._cdata] = storage.nbytes()  # the same storage, kept by two layers, counts once
            tensors.append(tensor)  # so that no other storage takes its place
        return tensor

    with FlopCounterMode(display=False) as flops, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = network(batch)
        forward = flops.get_total_flops()
        sum(output.sum() for output in outputs).backward()
    n_learning = sum(one.numel() for one in network.parameters() if one.requires_grad)
    return Count(forward, flops.get_total_flops(), sum(kept.values()), n_learning)


def training_tflops(count: Count, n_halves: int, n_epochs: int, n_iterations: int) -> float:
    """10^12 operations of a whole training: labeled and unlabeled half of every step (1 or 2), and validation."""
    n_validations = max(1, n_iterations // 5)
    if n_iterations == NNUNET_SCHEDULE["num_iterations_per_epoch"]:
        n_validations = NNUNET_SCHEDULE["num_val_iterations_per_epoch"]
    per_epoch = n_iterations * n_halves * count.step_flops + n_validations * count.forward_flops
    return n_epochs * per_epoch / 1e12


def memory_gib(count: Count, optimizer: str, n_frozen_weights: int) -> float:
    """GPU memory in mixed precision: the halves of a step run one after the other, so one batch is kept at a time."""
    n_bytes = count.n_weights * BYTES * COPIES_OF_WEIGHTS[optimizer] + n_frozen_weights * BYTES
    return (n_bytes + count.kept_bytes * HALF_PRECISION) / 2**30 + CONTEXT_GIB


def teacher_flops(n_weights: int, image_size: int, patch_size: int) -> float:
    """Operations of encoding one patch: a multiplication and an addition per weight and token (attention aside)."""
    return 2.0 * n_weights * (image_size // patch_size) ** 3


def estimate_finding(gib: float, hours: dict[str, float]) -> Finding:
    """The row of `muduo check`; `hours` by what is trained."""
    said = " + ".join(f"{what} {_rounded(value)} h" for what, value in hours.items())
    return finding(
        "estimate",
        f"about {gib:.0f} GiB of GPU memory, {said} at an assumed {ASSUMED_TFLOPS} TFLOP/s (operations are counted, "
        "no GPU was measured: python -m benchmarks.speed.estimates)",
    )


def _rounded(hours: float) -> str:
    return "under 0.1" if hours < 0.1 else f"{hours:.1f}" if hours < 10 else f"{hours:.0f}"
