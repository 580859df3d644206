"""`muduo report`: a training in one HTML file."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `muduo report`."""
    add = parser.add_argument
    add(
        "folder",
        type=Path,
        metavar="FOLD_DIR",
        help="nnUNet_results/DATASET/TRAINER__PLANS__CONFIGURATION/fold_X, of a training that runs or has ended",
    )
    add("-o", dest="output", type=Path, metavar="HTML", help="file to write (default: FOLD_DIR/muduo_report.html)")


def run(args: argparse.Namespace) -> int:
    """Write the report and repeat its warnings; 0 on success."""
    from nnunetv2_muduo import trainers
    from nnunetv2_muduo.visualization.report_data import read_training
    from nnunetv2_muduo.visualization.report_page import report_page
    from nnunetv2_muduo.visualization.report_warnings import find_warnings

    trainer = getattr(trainers, args.folder.resolve().parent.name.split("__")[0], None)
    record = read_training(args.folder, getattr(trainer, "prompt_generator", None))
    warnings = find_warnings(record)
    path = args.output or record.folder / "muduo_report.html"
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.resolve().parent} to write {path.name} to.")
    path.write_text(report_page(record, warnings), encoding="utf-8")
    for warning in warnings:
        print(f"Warning: {warning}")
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0
