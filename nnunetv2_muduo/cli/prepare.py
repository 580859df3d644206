"""`muduo prepare`: what a training needs, made beforehand; arguments as nnU-Net's own commands have them."""

import argparse

from nnunetv2_muduo.cli.arguments import fold


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("-d", required=True, metavar="DATASET", help="data set name or ID")
    parser.add_argument("-c", default="3d_fullres", metavar="CONFIGURATION", help="default: %(default)s")
    parser.add_argument(
        "-f", type=fold, default=0, metavar="FOLD", help="number of the fold, or all; default: %(default)s"
    )
    parser.add_argument("-p", default="nnUNetPlans", metavar="PLANS", help="plans identifier; default: %(default)s")
    parser.add_argument(
        "-tr",
        default="nnUNetTrainerMuDuo",
        metavar="TRAINER",
        help="trainer that this prepares for; default: %(default)s",
    )
    parser.add_argument("-device", default="cuda", choices=("cuda", "cpu", "mps"), help="default: %(default)s")
    parser.add_argument(
        "-np", type=int, metavar="N", help="processes that preprocess; default: nnU-Net's (nnUNet_def_n_proc)"
    )
    parser.add_argument(
        "-num_parts", type=int, default=1, metavar="N", help="share the unlabeled cases between N machines"
    )
    parser.add_argument(
        "-part_id", type=int, default=0, metavar="I", help="this machine's share, from 0; 0 trains the generator"
    )
    parser.add_argument(
        "-tiles",
        type=int,
        default=1,
        metavar="N",
        help="tiles that the prompt generator predicts at once; 8 is faster for small patches on a CPU; default: %(default)s",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--list", action="store_true", help="only name what is prepared for the data set, who uses it, and its size"
    )
    instead.add_argument(
        "--clean", action="store_true", help="only remove what no finished or resumable training uses; asks before"
    )
    parser.add_argument("--yes", action="store_true", help="with --clean: remove without asking")


def run(args: argparse.Namespace) -> int:
    """Prepare a training, see `trainers.prepare.prepare`; or list or clean what is prepared."""
    if args.list or args.clean:
        from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

        from nnunetv2_muduo.cli.prepared import clean_prepared, show_prepared

        dataset = maybe_convert_to_dataset_name(args.d)
        return clean_prepared(dataset, args.yes) if args.clean else show_prepared(dataset)
    return _prepare(args)


def _prepare(args: argparse.Namespace) -> int:
    if not 0 <= args.part_id < args.num_parts:
        raise ValueError(f"-part_id counts from 0 to num_parts - 1 = {args.num_parts - 1}, got {args.part_id}.")
    from pathlib import Path

    import torch
    from nnunetv2.configuration import default_num_processes
    from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

    from nnunetv2_muduo.cli.dataset_files import require_plans, require_readable
    from nnunetv2_muduo.data.batched_predictor import BatchedPredictor
    from nnunetv2_muduo.parallel import n_cores, n_threads
    from nnunetv2_muduo.trainers.preparations import Training
    from nnunetv2_muduo.trainers.prepare import prepare

    dataset = maybe_convert_to_dataset_name(args.d)
    require_readable(Path(nnUNet_raw.get() or "", dataset), Path(nnUNet_preprocessed, dataset), args.p)
    require_plans(Path(nnUNet_preprocessed, dataset), args.p, args.c)
    if args.device == "cpu":
        torch.set_num_threads(n_threads())
    training = Training(args.d, args.c, str(args.f), args.p, args.tr, torch.device(args.device))
    predictor = None
    if args.tiles > 1:
        predictor = BatchedPredictor(n_tiles=args.tiles, use_mirroring=False, device=training.device, allow_tqdm=False)
    n_processes = args.np or min(default_num_processes, n_cores())
    prepare(training, n_processes, args.part_id, args.num_parts, predictor)
    return 0
