"""Estimates of `muduo check` against this machine: throughput of a step, and its memory over the count.

    python -m benchmarks.speed.estimates --device cuda

A step is one labeled batch through a network of nnU-Net's default sizes, forward and backward, in mixed precision on a GPU and in
float32 on a CPU. The throughput is what `check/estimates.py` assumes as ASSUMED_TFLOPS: hours scale with its inverse. Memory is
compared with the count in the same precision; what lies above 1 is what the count leaves out (workspaces, gradients on the way).
"""

from collections.abc import Sequence

import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

from benchmarks.speed.measure import machine, parse_arguments, peak_memory_mb, report, seconds
from nnunetv2_muduo.check.estimates import ASSUMED_TFLOPS, HALF_PRECISION, count_batch

N_CHANNELS, N_LABELS, N_REPEATS = 2, 13, 3
FEATURES = (32, 64, 128, 256, 320, 320)
EDGE = {"cuda": 128, "cpu": 64}
"""Of the patch in voxels: a CPU would need minutes for the default."""


def settings(edge: int) -> dict:
    """A configuration as nnU-Net plans it for large cases, with a patch of this edge."""
    n = 6 if edge >= 128 else 5
    return {"patch_size": [edge] * 3, "batch_size": 2, "architecture": architecture(FEATURES[:n])}


def architecture(features: Sequence[int]) -> dict:
    """nnU-Net's plain network in its plans' words, with as many stages as there are numbers of features."""
    n = len(features)
    network = {
        "n_stages": n,
        "features_per_stage": list(features),
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * n,
        "strides": [[1, 1, 1]] + [[2, 2, 2]] * (n - 1),
        "n_conv_per_stage": [2] * n,
        "n_conv_per_stage_decoder": [2] * (n - 1),
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    return {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": network,
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def main() -> None:
    """Count, measure, and print both."""
    args = parse_arguments(__doc__)
    on_gpu = args.device.type == "cuda"
    planned = settings(EDGE[args.device.type])
    count, step = count_batch(planned, N_CHANNELS, N_LABELS), _step(planned, args.device)
    step()  # what is made once
    memory_mb = peak_memory_mb(step, args.device)
    times = [seconds(step, args.device)[0] for _ in range(N_REPEATS)]
    counted_mb = count.kept_bytes * (HALF_PRECISION if on_gpu else 1) / 2**20
    tflops = count.step_flops / min(times) / 1e12
    figures = {
        "machine": machine(args.device),
        "step_tflop": count.step_flops / 1e12,
        "seconds": times,
        "tflops": tflops,
        "counted_mb": counted_mb,
        "measured_mb": memory_mb,
    }
    rows = [
        ("operations of a step, 10^12", f"{count.step_flops / 1e12:.3g}"),
        ("seconds of a step", f"{min(times):.3g}"),
        ("throughput, TFLOP/s", f"{tflops:.3g} ({ASSUMED_TFLOPS} are assumed)"),
        ("kept for the backward pass, MiB", f"{counted_mb:.0f} counted, {memory_mb} measured at the peak"),
    ]
    report(args, figures, rows)


def _step(planned: dict, device: torch.device):
    of = planned["architecture"]
    names = of["network_class_name"], of["arch_kwargs"], of["_kw_requires_import"]
    network = get_network_from_plans(*names, N_CHANNELS, N_LABELS, allow_init=True, deep_supervision=True).to(device)
    batch = torch.randn(planned["batch_size"], N_CHANNELS, *planned["patch_size"], device=device)

    def step() -> None:
        network.zero_grad(set_to_none=True)
        with torch.autocast(device.type, enabled=device.type == "cuda"):
            loss = sum(output.float().mean() for output in network(batch))
        loss.backward()

    return step


if __name__ == "__main__":
    main()
