"""`muduo report`: a training in one HTML file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nnunetv2_muduo.cli.arguments import add_training_arguments, model_folder, require_file_place

if TYPE_CHECKING:
    from nnunetv2_muduo.visualization.report_data import Method


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `muduo report`."""
    add = parser.add_argument
    add(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLD_DIR",
        help="nnUNet_results/DATASET/TRAINER__PLANS__CONFIGURATION/fold_X, of a training that runs or has ended; or name it:",
    )
    add_training_arguments(parser, default=0, help="number of the fold, or all (default: %(default)s)")
    add("-o", dest="output", type=Path, metavar="HTML", help="file to write (default: FOLD_DIR/muduo_report.html)")


def run(args: argparse.Namespace) -> int:
    """Write the report and repeat its warnings; 0 on success."""
    from nnunetv2_muduo.storage import write_text
    from nnunetv2_muduo.visualization.report_data import read_training
    from nnunetv2_muduo.visualization.report_page import report_page
    from nnunetv2_muduo.visualization.report_warnings import find_warnings

    folder = _folder(args)
    record = read_training(folder, _method(folder.resolve().parent.name.split("__")[0]))
    warnings = find_warnings(record)
    path = args.output or record.folder / "muduo_report.html"
    require_file_place(path)
    page = report_page(record, warnings)
    write_text(page, path)
    for warning in warnings:
        print(f"Warning: {warning}")
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


def _folder(args: argparse.Namespace) -> Path:
    """The fold's folder, given as it is or by -d -tr -f."""
    if (args.folder is None) == (args.dataset is None):
        raise ValueError("Name the training to show: -d DATASET -tr TRAINER -f FOLD, or its folder FOLD_DIR.")
    if args.folder is not None:
        return args.folder
    return model_folder(args.dataset, args.trainer, args.plans, args.configuration) / f"fold_{args.fold}"


def _method(trainer_name: str) -> "Method":
    """What the report has to know of a trainer's class; the defaults where it is none of this package."""
    from nnunetv2_muduo import trainers
    from nnunetv2_muduo.visualization.report_data import Method

    trainer = getattr(trainers, trainer_name, None)
    if trainer is None:
        return Method()
    config_defaults = trainer.config_class().to_dict()
    return Method(getattr(trainer, "prompt_generator", None), trainer.needs_teachers, config_defaults)
