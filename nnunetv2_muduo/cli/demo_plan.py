"""Plan of the demo: a short measurement of the machine, and the iterations that fit into ten minutes on it."""

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from nnunetv2_muduo.cli.demo_steps import thread_environment

N_EPOCHS = 6
MOST_ITERATIONS, FEWEST_ITERATIONS = 90, 15  # of an epoch
MINUTES_TO_FILL = 8  # of the ten that are promised: a machine may get slower on the way
N_AT_ONCE = 2  # commands that the demo runs side by side
PATCH_SIZE, N_CHANNELS, N_LABELS = 24, 2, 13
FEATURES = [16, 32, 64]  # of the student's stages

# What the demo takes, in imports of nnU-Net and in steps of the student on two labeled patches. Counted from runs of it.
IMPORTS = 14
STEPS = 250  # prompt maps, validation, predictions
STEPS_PER_ITERATION = 3.6  # supervised student and prompt generator side by side, then MuDuo's student

_N_WARM_UP, _SECONDS_OF_STEPS = 2, 3


@dataclass(frozen=True)
class Speed:
    """What two processes at once take on a machine."""

    import_seconds: float
    step_seconds: float


@dataclass(frozen=True)
class Plan:
    """Iterations of an epoch, and how long the whole demo will take with them."""

    n_iterations: int
    seconds: float


def plan_demo(speed: Speed) -> Plan:
    """As many iterations as fit; on a fast machine no more than a demo needs, on a very slow one a fewest number."""
    fixed_seconds = IMPORTS * speed.import_seconds + STEPS * speed.step_seconds
    seconds_per_iteration = N_EPOCHS * STEPS_PER_ITERATION * speed.step_seconds
    fitting = math.floor((60 * MINUTES_TO_FILL - fixed_seconds) / seconds_per_iteration)
    n_iterations = min(MOST_ITERATIONS, max(FEWEST_ITERATIONS, fitting))
    return Plan(n_iterations, fixed_seconds + n_iterations * seconds_per_iteration)


def measure_speed() -> Speed:
    """Import nnU-Net and train the demo's network for a few seconds, in two processes at once as the demo does.

    Raises:
        RuntimeError: that did not work; the processes have said why.
    """
    command, environment = [sys.executable, "-m", __name__], {**os.environ, **thread_environment(N_AT_ONCE)}
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(N_AT_ONCE)]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode != 0 for process in processes):
        raise RuntimeError("nnU-Net or torch does not work here; the message above says more.")
    measured = [json.loads(output.splitlines()[-1]) for output in outputs]
    return Speed(*(max(seconds) for seconds in zip(*measured, strict=True)))


def _measure_this_process() -> tuple[float, float]:
    """Seconds of the import and of a step."""
    started = time.perf_counter()
    import nnunetv2.run.run_training  # noqa: F401

    import_seconds = time.perf_counter() - started
    step, n_steps = _student_step(), 0
    for _ in range(_N_WARM_UP):
        step()
    started = time.perf_counter()
    while time.perf_counter() - started < _SECONDS_OF_STEPS:
        step()
        n_steps += 1
    return import_seconds, (time.perf_counter() - started) / n_steps


def _student_step():
    """Forward and backward of the demo's student on a batch of two patches, as a function."""
    import torch
    from dynamic_network_architectures.architectures.unet import PlainConvUNet
    from torch import nn

    strides = [1] + [2] * (len(FEATURES) - 1)
    norm = {"norm_op": nn.InstanceNorm3d, "norm_op_kwargs": {"affine": True}, "nonlin": nn.LeakyReLU, "conv_bias": True}
    network = PlainConvUNet(
        N_CHANNELS, len(FEATURES), FEATURES, nn.Conv3d, 3, strides, 2, N_LABELS, 2, deep_supervision=True, **norm
    )
    patches = torch.randn(2, N_CHANNELS, PATCH_SIZE, PATCH_SIZE, PATCH_SIZE)
    return lambda: sum(output.square().mean() for output in network(patches)).backward()


if __name__ == "__main__":
    print(json.dumps(_measure_this_process()))
