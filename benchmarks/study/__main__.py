"""Entry of `python -m benchmarks.study`: the reported figures; see the package's docstring."""

from benchmarks.study import command
from benchmarks.study.patients import REPORTED
from benchmarks.study.report import write_docs
from benchmarks.study.results import read_results
from benchmarks.study.rows import BY_NAME, chosen


def main() -> int:
    parser = command.parser(labeled=[5, 10, 20], seeds=[0, 1, 2])
    parser.add_argument("--rows", nargs="+", choices=BY_NAME, help="these rows, in this order (default: all)")
    parser.add_argument("--docs", action="store_true", help="put the tables into README.md and docs/results.md")
    args = parser.parse_args()
    any_failed = command.run(args, REPORTED, chosen(args.rows))
    if args.docs:
        write_docs(read_results(args.out, REPORTED))
    return int(any_failed)


if __name__ == "__main__":
    raise SystemExit(main())
