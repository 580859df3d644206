"""`muduo teacher train2d`: fine-tune a SAM of natural images on a fold's labeled cases, for CFR."""

import argparse
from pathlib import Path

from nnunetv2_muduo.cli.arguments import claim_training, device_of, fold, require_folder_place
from nnunetv2_muduo.cli.examples import with_examples

_HELP = "fine-tune a SAM of natural images on a fold's labeled cases, for CFR"
CFR_TRAINER = "nnUNetTrainerCFR"


def add_arguments(commands) -> None:
    """`train2d` among the commands of `muduo teacher`."""
    train = commands.add_parser("train2d", help=_HELP, description=_HELP, **with_examples("teacher train2d"))
    train.add_argument("-d", required=True, metavar="DATASET", help="data set name or ID, planned and preprocessed")
    train.add_argument(
        "-f", type=fold, default=0, metavar="FOLD", help="number of the fold, or all; default: %(default)s"
    )
    train.add_argument(
        "-c", dest="configuration", default="3d_fullres", metavar="CONFIGURATION", help="default: %(default)s"
    )
    train.add_argument("-p", default="nnUNetPlans", metavar="PLANS", help="plans identifier; default: %(default)s")
    sams = "vit_b, vit_l, vit_h (public weights), tiny (random ones), or a folder or hub name with safetensors weights"
    train.add_argument("--sam", required=True, help=sams)
    train.add_argument("-o", "--out", type=Path, required=True, help="folder for the fine-tuned SAM")
    train.add_argument("--c", action="store_true", help="continue the fine-tuning in OUT; repeat the other arguments")
    train.add_argument("--iterations", type=int, default=6000, help="default: %(default)s, as published")
    train.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after this time; --c goes on (default: at the end)"
    )
    train.add_argument("--batch-size", type=int, default=2, help="crops of an update (default: %(default)s)")
    train.add_argument("--lr", type=float, default=1e-3, help="learning rate at the start (default: %(default)s)")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("-device", default=None, help="cuda, cpu or mps (default: cuda where there is one)")


def run(args: argparse.Namespace) -> int:
    """Fine-tune, and say where the result is and how a training finds it."""
    from nnunetv2_muduo.teacher_training.train2d.settings import FineTuningSettings
    from nnunetv2_muduo.teacher_training.train2d.training import FINAL, STATE
    from nnunetv2_muduo.teachers.sam2d.network import require_transformers

    require_transformers()
    require_folder_place(args.out)
    settings = FineTuningSettings(args.sam, args.iterations, args.batch_size, args.lr, seed=args.seed)
    if (args.out / FINAL).is_file():
        raise RuntimeError(f"{args.out / FINAL} is there: this fine-tuning is done. Name another folder.")
    claim_training(args.out, STATE, args.c)
    done = _fine_tune(args, settings)
    if done is None:
        print(f"Stopped after {args.minutes:g} minutes. Go on with --c and the same arguments.")
    else:
        print(f"The fine-tuned SAM: {done}. In a config for {CFR_TRAINER}:\n    sam_file: {done.resolve()}")
    return 0


def _fine_tune(args: argparse.Namespace, settings) -> Path | None:
    from nnunetv2_muduo.trainers.distributed import limit_threads
    from nnunetv2_muduo.trainers.fine_tuning import fine_tuning

    device = device_of(args)
    limit_threads(device)
    training = fine_tuning(_trainer(args, device), settings, args.out)
    if args.c:
        training.resume()
    args.out.mkdir(parents=True, exist_ok=True)
    return training.run(60 * args.minutes)


def _trainer(args: argparse.Namespace, device):
    """CFR's trainer of the fold, which knows its plans, patch, labels and config."""
    from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

    from nnunetv2_muduo.cli.dataset_files import require_plans, require_readable
    from nnunetv2_muduo.trainer_classes import trainer_class
    from nnunetv2_muduo.trainers.label_check import check_labeled_cases
    from nnunetv2_muduo.trainers.preparations import Training, preparations_of

    dataset = maybe_convert_to_dataset_name(args.d)
    require_readable(Path(nnUNet_raw.get() or "", dataset), Path(nnUNet_preprocessed, dataset), args.p)
    require_plans(Path(nnUNet_preprocessed, dataset), args.p, args.configuration)
    training = Training(args.d, args.configuration, str(args.f), args.p, CFR_TRAINER, device)
    (preparation,) = preparations_of(trainer_class(CFR_TRAINER), training)
    preparation.trainer.do_split()  # refuses a fold that the split does not have
    check_labeled_cases(preparation.trainer)
    return preparation.trainer
