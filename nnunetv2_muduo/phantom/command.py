"""`muduo phantom`: write a synthetic whole-body PET/CT cohort."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `muduo phantom`."""
    parser.add_argument("out", metavar="OUT", help="folder to write; must be new, empty, or the same cohort's")
    parser.add_argument("--cases", type=int, default=15, help="number of studies (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other patients (default: %(default)s)")
    parser.add_argument("--spacing", type=float, default=4.0, help="voxel size in mm (default: %(default)s)")
    parser.add_argument("-np", type=int, default=None, metavar="N", help="processes (default: all cores)")


def run(args: argparse.Namespace) -> int:
    """Write the cohort and say what there is."""
    from nnunetv2_muduo.phantom.cohort import write_cohort

    folders = write_cohort(args.out, args.cases, args.seed, args.spacing, args.np)
    n_patients = len({folder.parent for folder in folders})
    print(f"{len(folders)} studies of {n_patients} patients at {args.spacing:g} mm in {args.out}")
    return 0
