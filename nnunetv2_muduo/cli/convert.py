"""`muduo convert autopet|autopet-organ|dicom SRC -d ID`: PET/CT into nnU-Net's raw format."""

import argparse
from pathlib import Path

from nnunetv2_muduo.cli.examples import with_examples
from nnunetv2_muduo.parallel import n_cores

KINDS = {  # name: (default name of the dataset, one line of help)
    "autopet": ("AutoPET", "AutoPET in any NIfTI edition, or folders like it, with its own or other label maps"),
    "autopet-organ": ("AutoPETOrgan", "AutoPET with the organ maps of AutoPET-Organ or AutoPET III"),
    "dicom": ("PETCT", "own scans, or AutoPET, as DICOM series"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per kind of source."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="{" + ",".join(KINDS) + "}")
    for kind, (_, help_text) in KINDS.items():
        examples = with_examples(f"convert {kind}")
        add_kind_arguments(kinds.add_parser(kind, help=help_text, description=help_text, **examples), kind)


def add_kind_arguments(parser: argparse.ArgumentParser, kind: str) -> None:
    """Arguments of one kind of source."""
    add_common_arguments(parser, default_name=KINDS[kind][0])
    parser.add_argument(
        "--labels",
        type=Path,
        required=kind == "autopet-organ",
        metavar="DIR_OR_ZIP",
        help="label maps to use instead of the source's own: a folder, a tree like the source, or a zip archive",
    )
    if kind != "dicom":
        parser.add_argument(
            "--patient-regex",
            default="",
            metavar="REGEX",
            help="the patient is the first group of REGEX in a case's name, where imagesTr holds other names than AutoPET's",
        )
    else:
        how = "their whole description, a pattern of it such as 'CT *', or a text in it"
        parser.add_argument("--ct-description", default="", metavar="TEXT", help=f"take CT series described so: {how}")
        parser.add_argument(
            "--pet-description", default="", metavar="TEXT", help="take PET series described so, likewise"
        )
        parser.add_argument(
            "--ignore-frame-of-reference",
            action="store_true",
            help="pair PET with the only CT of its study, even where their frames of reference differ",
        )
        parser.add_argument("--allow-bqml", action="store_true", help="keep PET in Bq/ml where SUV can't be computed")


def add_common_arguments(parser: argparse.ArgumentParser, default_name: str) -> None:
    """Arguments that every source has."""
    parser.add_argument("source", type=Path, metavar="SRC")
    parser.add_argument(
        "-d", dest="dataset_id", type=int, required=True, metavar="ID", help="id of the nnU-Net dataset"
    )
    parser.add_argument("--name", default=default_name, help="name of the nnU-Net dataset (default: %(default)s)")
    parser.add_argument("--labeled", type=int, default=5, help="labeled training cases (default: %(default)s)")
    parser.add_argument("--val", type=int, default=5, help="validation cases (default: %(default)s)")
    parser.add_argument("--test", type=int, default=20, help="test cases (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="draws the sets (default: %(default)s)")
    files = parser.add_mutually_exclusive_group()
    files.add_argument("--link", action="store_true", help="link files that can be used as they are")
    files.add_argument("--copy", action="store_true", help="copy them (default)")
    parser.add_argument(
        "--pseudonyms",
        type=Path,
        metavar="KEYFILE",
        help="call patients and studies by keyed hashes, and keep dates and paths out of all that is written; the key is "
        "made where the file is missing, and who is who stands in a table beside it",
    )
    parser.add_argument("--dry-run", action="store_true", help="check and report, write nothing")
    parser.add_argument("-np", dest="n_processes", type=int, default=n_cores(), help="processes (default: all cores)")


def run(args: argparse.Namespace) -> int:
    """Convert; the exit code is 1 where a case was refused."""
    if args.kind == "dicom":
        from nnunetv2_muduo.conversion.dicom_tree import Wanted
        from nnunetv2_muduo.conversion.sources import convert_dicom

        wanted = Wanted(args.ct_description, args.pet_description, args.ignore_frame_of_reference)
        return convert_dicom(args.source, options_from(args), args.labels, wanted)
    if args.kind == "autopet-organ":
        from nnunetv2_muduo.conversion.sources import convert_autopet_organ

        return convert_autopet_organ(args.source, args.labels, options_from(args))
    from nnunetv2_muduo.conversion.sources import convert_autopet_tumor

    return convert_autopet_tumor(args.source, options_from(args), args.labels)


def run_alone(kind: str, description: str) -> int:
    """What a dataset's file does when it is run as a script."""
    parser = argparse.ArgumentParser(description=description)
    add_kind_arguments(parser, kind)
    return run(parser.parse_args(namespace=argparse.Namespace(kind=kind)))


def options_from(args: argparse.Namespace):
    """The Options that the common arguments describe."""
    from nnunetv2_muduo.conversion.options import Options
    from nnunetv2_muduo.conversion.split import SetSizes

    return Options(
        dataset_id=args.dataset_id,
        name=args.name,
        sizes=SetSizes(args.labeled, args.val, args.test),
        seed=args.seed,
        link=args.link,
        dry_run=args.dry_run,
        n_processes=args.n_processes,
        allow_bqml=getattr(args, "allow_bqml", False),
        patient_regex=getattr(args, "patient_regex", ""),
        pseudonyms=args.pseudonyms,
    )
