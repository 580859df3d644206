"""How much the demo trains: a short measurement of the machine, and the iterations that fit into ten minutes on it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from nnunetv2_muduo.cli.demo_steps import CONTEXT, FORKED, n_threads

N_EPOCHS = 6
MOST_ITERATIONS, FEWEST_ITERATIONS = 90, 25  # of an epoch
MINUTES_TO_FILL = 8  # of the ten that are promised: a machine may get slower on the way
N_AT_ONCE = 2  # commands that the demo runs side by side
PATCH_SIZE, N_CHANNELS, N_LABELS = 24, 2, 13
FEATURES = [16, 32, 64]  # of the student's stages

# What the demo takes, in imports of nnU-Net and in steps of the student on two labeled patches: from CPU times of its runs.
IMPORTS = 14 if FORKED else 20  # nnU-Net's own worker processes import it anew in any case; planning, measures, picture
STEPS, LONE_STEPS = 300, 60  # prompt maps, validation, predictions
STEPS_PER_ITERATION = 1.2  # supervised student and prompt generator, side by side
# MuDuo's student on labeled and unlabeled patches, and both teachers; its average, a third more, is in the minutes kept free.
LONE_STEPS_PER_ITERATION = 3.2

_N_WARM_UP, _SECONDS_OF_STEPS = 2, 2


@dataclass(frozen=True)
class Speed:
    """What importing nnU-Net takes, and a step of the student: beside another process that does the same, and alone.

    Alone it has all cores, or as few as beside another where their threads do no more together: `lone_threads`.
    """

    import_seconds: float
    step_seconds: float
    lone_step_seconds: float
    lone_threads: int


@dataclass(frozen=True)
class Plan:
    """Iterations of an epoch, and how long the whole demo will take with them."""

    n_iterations: int
    seconds: float


def plan_demo(speed: Speed) -> Plan:
    """As many iterations as fit; on a fast machine no more than a demo needs, on a very slow one a fewest number."""
    fixed_seconds = IMPORTS * speed.import_seconds + STEPS * speed.step_seconds + LONE_STEPS * speed.lone_step_seconds
    seconds_per_iteration = N_EPOCHS * (
        STEPS_PER_ITERATION * speed.step_seconds + LONE_STEPS_PER_ITERATION * speed.lone_step_seconds
    )
    fitting = math.floor((60 * MINUTES_TO_FILL - fixed_seconds) / seconds_per_iteration)
    n_iterations = min(MOST_ITERATIONS, max(FEWEST_ITERATIONS, fitting))
    return Plan(n_iterations, fixed_seconds + n_iterations * seconds_per_iteration)


def measure_speed() -> Speed:
    """Import nnU-Net into this process, and train the demo's network for a few seconds in two others, then in one.

    Raises:
        RuntimeError: the training failed; its own message stands above.
    """
    import_seconds = _import_seconds()
    beside, alone = _step_seconds(N_AT_ONCE), _step_seconds(1)
    return Speed(import_seconds, beside, min(alone, beside), n_threads(1 if alone < beside else N_AT_ONCE))


def _step_seconds(n_processes: int) -> float:
    """Seconds of a step where several processes train at once, in the slowest of them."""
    measured = CONTEXT.SimpleQueue()
    arguments = (n_threads(n_processes), measured)
    processes = [CONTEXT.Process(target=_measure_steps, args=arguments) for _ in range(n_processes)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode != 0:
            raise RuntimeError("a step of training failed; the message above says why")
    return max(measured.get() for _ in processes)


def _import_seconds() -> float:
    """Import what the steps need, for processes that are forked from this one."""
    started = time.perf_counter()
    import nnunetv2.experiment_planning.plan_and_preprocess_entrypoints
    import nnunetv2.inference.predict_from_raw_data
    import nnunetv2.run.run_training  # noqa: F401

    return time.perf_counter() - started


def _measure_steps(threads: int, measured) -> None:
    """Put the seconds of a step into a queue."""
    import torch

    torch.set_num_threads(threads)
    step, n_steps = student_step(), 0
    for _ in range(_N_WARM_UP):
        step()
    started = time.perf_counter()
    while time.perf_counter() - started < _SECONDS_OF_STEPS:
        step()
        n_steps += 1
    measured.put((time.perf_counter() - started) / n_steps)


def student_step() -> Callable[[], None]:
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
