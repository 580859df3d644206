"""`muduo export`: a model that people without this package can install and predict with."""

import argparse
from pathlib import Path

from nnunetv2_muduo.cli.arguments import add_training_arguments, fold, model_folder, require_file_place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `muduo export`."""
    add = parser.add_argument
    add_training_arguments(
        parser, nargs="+", default=[0], help="number of a fold, or all; several make an ensemble (default: 0)"
    )
    # The form of earlier versions: DATASET TRAINER FOLD [FOLD ...]
    add("positional_dataset", nargs="?", metavar="DATASET", help=argparse.SUPPRESS)
    add("positional_trainer", nargs="?", metavar="TRAINER", help=argparse.SUPPRESS)
    add("positional_folds", nargs="*", type=fold, metavar="FOLD", help=argparse.SUPPRESS)
    add("-o", dest="output", type=Path, required=True, metavar="ZIP", help="file to write, such as model.zip")
    add(
        "-chk",
        dest="checkpoint",
        default="checkpoint_final.pth",
        metavar="CHECKPOINT",
        help="checkpoint of each fold; in the zip it is called checkpoint_final.pth; default: %(default)s",
    )


def run(args: argparse.Namespace) -> int:
    """Write the zip and say how to use it; 0 on success."""
    from nnunetv2_muduo.trainers.export import STOCK_TRAINER, export_model

    require_file_place(args.output)
    dataset, trainer, folds = _training(args)
    folder = model_folder(dataset, trainer, args.plans, args.configuration)
    export_model(folder, folds, args.checkpoint, args.output)
    named = f"-d {folder.parent.name} -tr {STOCK_TRAINER} -p {args.plans} -c {args.configuration}"
    print(
        f"{args.output}: {args.output.stat().st_size / 1e6:.1f} MB. Whoever has nnU-Net installs it, over a model of the "
        f"same name if there is one, and predicts:\n"
        f"  nnUNetv2_install_pretrained_model_from_zip {args.output.name}\n"
        f"  nnUNetv2_predict -i IMAGES -o OUT {named} -f {' '.join(folds)}"
    )
    return 0


def _training(args: argparse.Namespace) -> tuple[str, str, list[str]]:
    """Data set, trainer and folds, from -d -tr -f or from the form of earlier versions."""
    words = (args.positional_dataset, args.positional_trainer, args.positional_folds)
    if args.dataset is not None and not any(words):
        return args.dataset, args.trainer, [str(fold) for fold in args.fold]
    if args.dataset is None and all(words):
        return words[0], words[1], [str(fold) for fold in words[2]]
    raise ValueError("Name the training to export: -d DATASET -tr TRAINER -f FOLD.")
