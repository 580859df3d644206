"""Cost of a step of every compared method over one of plain nnU-Net, which sees the same labeled patches.

    python -m benchmarks.speed.methods --device cpu --json OUT.json

Network, patches and processes are those of `benchmarks.speed.step`: 2 labeled and 2 unlabeled patches of 128^3, nnU-Net's
default network, the real trainers with their default config. SemiSAM+ asks a teacher of the public size about every organ
that an untrained student happens to see; its cost grows with their number. Each method takes turns with plain nnU-Net, each
in a process of its own, so that its peak memory can be told and no more than two of them hold memory. Loading, SASSNet's
distances among it, is not part of a step. On a CPU of two cores this takes an hour or two; the figures of methods that
OUT.json already holds are kept, so that the same command goes on where it stopped.
"""

import statistics

from benchmarks.speed import measure
from benchmarks.speed.trainer_process import beside_plain
from nnunetv2_muduo.storage import read_json

METHODS = ("MeanTeacher", "UAMeanTeacher", "CPS", "SASSNet", "SelfTraining", "SemiSAMPlus")


def main() -> None:
    args = measure.parse_arguments(__doc__)
    figures = (args.json and read_json(args.json)) or {}
    for method in METHODS:
        if method not in figures:
            _, figures[method] = beside_plain(f"nnUNetTrainer{method}", args)
            measure.keep(args, figures)
    measure.print_table(rows_of(figures))


def rows_of(figures: dict) -> list[tuple[str, str]]:
    """The table."""
    return [
        (
            method,
            f"{of['step_ratio_to_plain']:.2f} times a step of plain nnU-Net ({statistics.median(of['step_s']['plain']):.1f} s), "
            f"{of['memory_ratio_to_plain']:.2f} times its memory ({of['peak_gb']['plain']:.2f} GB)",
        )
        for method, of in figures.items()
    ]


if __name__ == "__main__":
    main()
