"""Entry of `python -m benchmarks.study.development`: choices, on development patients alone.

A file of rows is YAML: names with config fields, `trainer` for another trainer than MuDuo's.

    weight_1: {consistency_weight: 1.0}
    mean_teacher_0.3: {trainer: nnUNetTrainerMeanTeacher, consistency_weight: 0.3}
"""

from pathlib import Path

from benchmarks.study import command
from benchmarks.study.patients import DEVELOPMENT
from benchmarks.study.rows import CHOICES, MUDUO, SUPERVISED, read_rows


def main() -> int:
    parser = command.parser(labeled=[5], seeds=[7, 8, 9])
    parser.epilog = __doc__
    parser.add_argument("--rows", type=Path, help="file of rows (default: choices behind the defaults)")
    args = parser.parse_args()
    rows = (SUPERVISED, MUDUO, *read_rows(args.rows)) if args.rows else CHOICES
    return int(command.run(args, DEVELOPMENT, rows))


if __name__ == "__main__":
    raise SystemExit(main())
