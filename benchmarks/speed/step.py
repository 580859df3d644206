"""Cost of a MuDuo training step over one of plain nnU-Net, which sees the same labeled patches.

    python -m benchmarks.speed.step --device cpu --json OUT.json

nnU-Net's default network for AutoPET's whole-body images (PlainConvUNet, 6 stages of 32 to 320 features), patches of 128^3,
2 labeled and, for MuDuo, 2 unlabeled ones with 12 organs each; teachers of the public size. The trainers are the real ones;
batches are phantom patches that lie ready. The teachers' share of a step is the time of `unlabeled_loss` but for the pass of
the student's average: teachers, choice of pairs, and the loss against the pseudo labels. Each trainer has a process of its
own, so that its peak memory can be told (on the CPU the resident set, teachers' weights included), and the two take turns.
On a CPU this takes a quarter of an hour.
"""

import statistics

from benchmarks.speed import measure
from benchmarks.speed.trainer_process import beside_plain


def main() -> None:
    args = measure.parse_arguments(__doc__)
    steps, figures = beside_plain("muduo", args)
    stages_s, averages_s = ([step["muduo"][part] for step in steps] for part in ("stage_s", "average_s"))
    figures |= {
        "teacher_share": measure.median_ratio(stages_s, figures["step_s"]["muduo"]),
        "average_share": measure.median_ratio(averages_s, figures["step_s"]["muduo"]),
        "stage_s": stages_s,
        "average_s": averages_s,
    }
    measure.report(args, figures, rows_of(figures))


def rows_of(figures: dict) -> list[tuple[str, str]]:
    """The table."""
    plain_s, muduo_s = (statistics.median(figures["step_s"][kind]) for kind in ("plain", "muduo"))
    stage_s = statistics.median(figures["stage_s"])
    return [
        ("step of plain nnU-Net, 2 patches", f"{plain_s:.1f} s, {figures['peak_gb']['plain']:.2f} GB"),
        ("step of MuDuo, 2 + 2 patches", f"{muduo_s:.1f} s, {figures['peak_gb']['muduo']:.2f} GB"),
        ("step over plain", f"{figures['step_ratio_to_plain']:.2f} times"),
        ("peak memory over plain", f"{figures['memory_ratio_to_plain']:.2f} times"),
        ("teachers' share of the step", f"{figures['teacher_share']:.1%} ({stage_s:.2f} s)"),
        ("its average's share", f"{figures['average_share']:.1%}"),
    ]


if __name__ == "__main__":
    main()
