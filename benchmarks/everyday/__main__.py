"""Run the rows that are not done yet, and write their table.

    python -m benchmarks.everyday FOLDER [--only NAME ...] [--summary FILE]

FOLDER gets a folder for each row, with a log of each command in its folder steps. A row that is done is not run again.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.everyday.run import BY_NAME, run_row, summary
from nnunetv2_muduo.storage import write_text


def main(argv: list[str] | None = None) -> int:
    """0 where all rows that were asked for are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--only", nargs="+", choices=list(BY_NAME), metavar="NAME", help=f"of {', '.join(BY_NAME)}")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="default: FOLDER/summary.md")
    args = parser.parse_args(argv)
    args.folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in args.only or BY_NAME:
        failed += [] if run_row(BY_NAME[name], args.folder) else [name]
        write_text(summary(args.folder), args.summary or args.folder / "summary.md")
    print(f"\n{summary(args.folder)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
