"""`muduo convert autopet|autopet-organ|dicom SRC -d ID`: PET/CT into nnU-Net's raw format."""

import argparse
from pathlib import Path

from nnunetv2_muduo.dataset_conversion.pool import n_cores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per kind of source."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="{autopet,autopet-organ}")
    autopet = kinds.add_parser("autopet", help="AutoPET in any edition, or a tree or imagesTr like it, as NIfTI")
    add_common_arguments(autopet, default_name="AutoPET")
    autopet.add_argument("--labels", type=Path, help="folder, tree or zip of label maps instead of the source's own")


def add_common_arguments(parser: argparse.ArgumentParser, default_name: str) -> None:
    """Arguments that every source has."""
    parser.add_argument("source", type=Path, metavar="SRC")
    parser.add_argument("-d", dest="dataset_id", type=int, required=True, help="id of the nnU-Net dataset")
    parser.add_argument("--name", default=default_name, help="name of the nnU-Net dataset (default: %(default)s)")
    parser.add_argument("--labeled", type=int, default=5, help="labelled training cases (default: %(default)s)")
    parser.add_argument("--val", type=int, default=5, help="validation cases (default: %(default)s)")
    parser.add_argument("--test", type=int, default=20, help="test cases (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="draws the sets (default: %(default)s)")
    files = parser.add_mutually_exclusive_group()
    files.add_argument("--link", action="store_true", help="link files that can be used as they are")
    files.add_argument("--copy", action="store_true", help="copy them (default)")
    parser.add_argument("--dry-run", action="store_true", help="check and report, write nothing")
    parser.add_argument("-np", dest="n_processes", type=int, default=n_cores(), help="processes (default: all cores)")


def run(args: argparse.Namespace) -> int:
    """Convert; the exit code is 1 where a case was refused."""
    from nnunetv2_muduo.dataset_conversion.Dataset706_AutoPETTumor import convert_autopet

    return convert_autopet(args.source, options_from(args), args.labels)


def options_from(args: argparse.Namespace):
    """The Options that the common arguments describe."""
    from nnunetv2_muduo.dataset_conversion.convert import Options
    from nnunetv2_muduo.dataset_conversion.split import SetSizes

    return Options(
        dataset_id=args.dataset_id,
        name=args.name,
        sizes=SetSizes(args.labeled, args.val, args.test),
        seed=args.seed,
        link=args.link,
        dry_run=args.dry_run,
        n_processes=args.n_processes,
        allow_bqml=getattr(args, "allow_bqml", False),
    )
