"""`muduo check -d ID`: findings about a training before it starts."""

import argparse
from typing import TYPE_CHECKING

from nnunetv2_muduo.cli.arguments import fold

if TYPE_CHECKING:
    from nnunetv2_muduo.check.findings import Finding

NNUNET_PLANS, MUDUO_TRAINER = "nnUNetPlans", "nnUNetTrainerMuDuo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is to be trained, named as in nnUNetv2_train."""
    parser.add_argument("-d", dest="dataset", required=True, metavar="ID", help="id or name of the nnU-Net dataset")
    parser.add_argument(
        "-f",
        dest="fold",
        type=fold,
        default=0,
        metavar="FOLD",
        help="number of the fold, or all (default: %(default)s)",
    )
    parser.add_argument("-c", dest="configuration", default="3d_fullres", help="(default: %(default)s)")
    parser.add_argument(
        "-p", dest="plans", default=NNUNET_PLANS, metavar="PLANS", help="plans identifier (default: %(default)s)"
    )
    parser.add_argument(
        "-tr", dest="trainer", default=MUDUO_TRAINER, metavar="TRAINER", help="trainer (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON, for other programs")


def run(args: argparse.Namespace) -> int:
    """Print a table of findings, or JSON; the exit code is 1 where a training would fail or go wrong."""
    import sys
    from contextlib import redirect_stdout

    from nnunetv2_muduo.check.findings import PROBLEM, WARNING, as_json, table

    with redirect_stdout(sys.stderr):  # what nnU-Net says beside it
        findings = _findings(args)
    n_problems = sum(one.status == PROBLEM for one in findings)
    last = conclusion(n_problems, sum(one.status == WARNING for one in findings))
    print(as_json(findings, last) if args.json else f"{table(findings)}\n\n{last}")
    return 1 if n_problems else 0


def _findings(args: argparse.Namespace) -> "list[Finding]":
    from nnunetv2_muduo.check.findings import finding
    from nnunetv2_muduo.nnunet_place import what_is_wrong

    if wrong := what_is_wrong():
        return [finding("nnU-Net", "", problem=wrong)]  # without it nothing else can be looked at
    from nnunetv2_muduo.check.training import Asked, check_training
    from nnunetv2_muduo.cli.check_estimate import estimate_of

    asked = Asked(args.dataset, args.configuration, args.fold, args.plans, args.trainer)
    return check_training(asked, estimate_of)


def conclusion(n_problems: int, n_warnings: int) -> str:
    """The last line: whether a training can start, and that somebody should look at the warnings before."""
    warnings = f"{n_warnings} warning{'s' if n_warnings > 1 else ''}" if n_warnings else ""
    if n_problems:
        problems = f"{n_problems} problem{'s' if n_problems > 1 else ''}"
        return f"Not ready: {' and '.join(filter(None, (problems, warnings)))}, see above."
    return f"Ready to train, with {warnings}: read above what to look at first." if warnings else "Ready to train."
