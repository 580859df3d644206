"""Training over the GPUs of several machines, each process started by torchrun:

    torchrun --nnodes 2 --nproc_per_node 4 ... -m nnunetv2_muduo.cli.torchrun DATASET 3d_fullres FOLD -tr nnUNetTrainerMuDuo

`nnUNetv2_train -num_gpus` starts its processes itself and on one machine alone. This does in each of torchrun's processes what
that does in its own. The machines share nnU-Net's folders. Without GPUs the processes talk through gloo.
"""

import argparse

import torch
from nnunetv2.run.run_training import get_trainer_from_args, maybe_load_checkpoint
from torch import distributed as dist

from nnunetv2_muduo.trainers.distributed import own_device


def parse_arguments() -> argparse.Namespace:
    """The arguments of nnUNetv2_train that make sense here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="data set name or ID")
    parser.add_argument("configuration")
    parser.add_argument("fold", help="number of the fold, or all")
    parser.add_argument("-tr", default="nnUNetTrainerMuDuo", metavar="TRAINER", help="default: %(default)s")
    parser.add_argument("-p", default="nnUNetPlans", metavar="PLANS", help="default: %(default)s")
    parser.add_argument("--c", action="store_true", help="continue")
    parser.add_argument("--val", action="store_true", help="validate a finished training")
    return parser.parse_args()


def main() -> None:
    """Train and validate; torchrun's environment says with whom."""
    args = parse_arguments()
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(own_device())
        torch.backends.cudnn.benchmark = True
    fold = args.fold if args.fold == "all" else int(args.fold)
    trainer = get_trainer_from_args(args.dataset, args.configuration, fold, args.tr, args.p, args.c)
    maybe_load_checkpoint(trainer, args.c, args.val)
    if not args.val:
        trainer.run_training()
    trainer.perform_actual_validation()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
