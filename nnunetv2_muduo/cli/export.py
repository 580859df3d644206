"""`muduo export`: a model that people without this package can install and predict with."""

import argparse
from pathlib import Path

from nnunetv2_muduo.cli.arguments import fold, require_file_place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `muduo export`."""
    add = parser.add_argument
    add("dataset", metavar="DATASET", help="data set name or ID")
    add("trainer", metavar="TRAINER", help="trainer that trained the model, such as nnUNetTrainerMuDuo")
    add("folds", nargs="+", type=fold, metavar="FOLD", help="number of a fold, or all; several make an ensemble")
    add("-o", dest="output", type=Path, required=True, metavar="ZIP", help="file to write, such as model.zip")
    add("-c", dest="configuration", default="3d_fullres", metavar="CONFIGURATION", help="default: %(default)s")
    add("-p", dest="plans", default="nnUNetPlans", metavar="PLANS", help="plans identifier; default: %(default)s")
    add(
        "-chk",
        dest="checkpoint",
        default="checkpoint_final.pth",
        metavar="CHECKPOINT",
        help="checkpoint of each fold; in the zip it is called checkpoint_final.pth; default: %(default)s",
    )


def run(args: argparse.Namespace) -> int:
    """Write the zip and say how to use it; 0 on success."""
    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
    from nnunetv2.utilities.file_path_utilities import get_output_folder

    from nnunetv2_muduo.trainers.export import STOCK_TRAINER, export_model

    require_file_place(args.output)
    dataset = maybe_convert_to_dataset_name(args.dataset)
    folder = Path(get_output_folder(dataset, args.trainer, args.plans, args.configuration))
    folds = [str(number) for number in args.folds]
    export_model(folder, folds, args.checkpoint, args.output)
    print(
        f"{args.output}: {args.output.stat().st_size / 1e6:.1f} MB. Whoever has nnU-Net installs it, over a model of the "
        f"same name if there is one, and predicts:\n"
        f"  nnUNetv2_install_pretrained_model_from_zip {args.output.name}\n"
        f"  nnUNetv2_predict -i IMAGES -o OUT -d {dataset} -tr {STOCK_TRAINER} -p {args.plans} -c {args.configuration} "
        f"-f {' '.join(folds)}"
    )
    return 0
