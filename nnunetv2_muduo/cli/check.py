"""`muduo check -d ID`: findings about a training before it starts."""

import argparse

from nnunetv2_muduo.cli.arguments import fold

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


def run(args: argparse.Namespace) -> int:
    """Print a table of findings; the exit code is 1 where a training would fail or go wrong."""
    import os
    from pathlib import Path

    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

    from nnunetv2_muduo.check.dataset import RawDataset, check_lists
    from nnunetv2_muduo.check.environment import check_environment, find_trainer
    from nnunetv2_muduo.check.findings import PROBLEM, WARNING, table
    from nnunetv2_muduo.check.images import check_images
    from nnunetv2_muduo.check.needs import Needs
    from nnunetv2_muduo.check.preparation import check_preparation
    from nnunetv2_muduo.cli.dataset_files import require_readable

    if not os.environ.get("nnUNet_raw"):
        raise RuntimeError(
            "nnUNet_raw is not set. Export the folder of nnU-Net's raw datasets: export nnUNet_raw=/path"
        )
    dataset = RawDataset(Path(os.environ["nnUNet_raw"]) / maybe_convert_to_dataset_name(args.dataset), args.fold)
    require_readable(dataset.folder, dataset.preprocessed, args.plans)
    trainer = find_trainer(args.trainer)
    needs = Needs.of(trainer)
    findings = check_environment(args.trainer, trainer) + check_lists(dataset, needs) + check_images(dataset, needs)
    findings += check_preparation(dataset, needs, args.plans, args.configuration)
    print(table(findings))
    n_problems = sum(one.status == PROBLEM for one in findings)
    print("\n" + conclusion(n_problems, sum(one.status == WARNING for one in findings)))
    return 1 if n_problems else 0


def conclusion(n_problems: int, n_warnings: int) -> str:
    """The last line: whether a training can start, and that somebody should look at the warnings before."""
    warnings = f"{n_warnings} warning{'s' if n_warnings > 1 else ''}" if n_warnings else ""
    if n_problems:
        problems = f"{n_problems} problem{'s' if n_problems > 1 else ''}"
        return f"Not ready: {' and '.join(filter(None, (problems, warnings)))}, see above."
    return f"Ready to train, with {warnings}: read above what to look at first." if warnings else "Ready to train."
