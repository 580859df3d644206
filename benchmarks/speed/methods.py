"""Cost of a step of every compared method over one of plain nnU-Net, which sees the same labeled patches.

    python -m benchmarks.speed.methods --device cpu --json OUT.json

Network, patches and processes are those of `benchmarks.speed.step`: 2 labeled and 2 unlabeled patches of 128^3, nnU-Net's
default network, the real trainers with their default config. SemiSAM+ asks a teacher of the public size about every organ
that an untrained student happens to see; its cost grows with their number. Each trainer has a process of its own, so that
its peak memory can be told, and they take turns. Loading, SASSNet's distances among it, is not part of a step. On a CPU of
two cores this takes about an hour.
"""

import statistics

from benchmarks.speed import measure
from benchmarks.speed.trainer_process import taking_turns

N_REPEATS = 2
METHODS = ("MeanTeacher", "UAMeanTeacher", "CPS", "SASSNet", "SelfTraining", "SemiSAMPlus")
KINDS = ("plain", *(f"nnUNetTrainer{method}" for method in METHODS))


def main() -> None:
    args = measure.parse_arguments(__doc__)
    steps, peaks_gb = taking_turns(KINDS, args, N_REPEATS)
    times = {kind: [step[kind]["step_s"] for step in steps] for kind in KINDS}
    figures = {
        "machine": measure.machine(args.device),
        "step_ratio_to_plain": {kind: measure.median_ratio(times[kind], times["plain"]) for kind in KINDS},
        "memory_ratio_to_plain": {kind: peaks_gb[kind] / peaks_gb["plain"] for kind in KINDS},
        "step_s": times,
        "peak_gb": peaks_gb,
    }
    measure.report(args, figures, rows_of(figures))


def rows_of(figures: dict) -> list[tuple[str, str]]:
    """The table."""
    return [
        (
            kind,
            f"{figures['step_ratio_to_plain'][kind]:.2f} times a step of plain nnU-Net ({statistics.median(times):.1f} s), "
            f"{figures['memory_ratio_to_plain'][kind]:.2f} times its memory ({figures['peak_gb'][kind]:.2f} GB)",
        )
        for kind, times in figures["step_s"].items()
    ]


if __name__ == "__main__":
    main()
