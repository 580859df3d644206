"""`muduo phantom`: write a synthetic whole-body PET/CT cohort."""

import argparse
from pathlib import Path

from nnunetv2_muduo.cli.arguments import require_folder_place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `muduo phantom`."""
    parser.add_argument("out", metavar="OUT", help="folder to write; must be new, empty, or the same cohort's")
    parser.add_argument("--cases", type=int, default=None, help="number of studies (default: 15, or all label maps)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other patients (default: %(default)s)")
    parser.add_argument("--spacing", type=float, default=4.0, help="voxel size in mm (default: %(default)s)")
    parser.add_argument("-np", type=int, default=None, metavar="N", help="processes (default: all cores)")
    parser.add_argument(
        "--from-labels", metavar="DIR", help="take the anatomy from the organ label maps (NIfTI) in DIR, a study each"
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="labels.json or dataset.json that names the organs in DIR (default: look there)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the cohort and say what there is."""
    from nnunetv2_muduo.phantom.cohort import write_cohort

    require_folder_place(Path(args.out))
    if args.from_labels is not None:
        folders = _write_from_labels(args)
    elif args.labels is not None:
        raise ValueError("--labels names the organs of the maps given with --from-labels; the phantom's are known")
    else:
        n_cases = 15 if args.cases is None else args.cases
        folders = write_cohort(args.out, n_cases, args.seed, args.spacing, args.np)
    n_patients = len({folder.parent for folder in folders})
    print(f"{len(folders)} studies of {n_patients} patients at {args.spacing:g} mm in {args.out}")
    return 0


def _write_from_labels(args: argparse.Namespace):
    from nnunetv2_muduo.phantom.label_cohort import write_cohort_from_labels
    from nnunetv2_muduo.phantom.label_files import find_label_files, find_organ_values
    from nnunetv2_muduo.phantom.organs import unknown_organs

    files = find_label_files(args.from_labels)
    labels = find_organ_values(files, args.labels)
    print("Organs: " + ", ".join(f"{value} {name}" for name, value in labels.items() if value))
    unknown = unknown_organs(labels)
    if unknown:
        print(f"Of no kind that is known, so shown as common soft tissue: {', '.join(unknown)}")
    if args.cases is not None and args.cases < 1:
        raise ValueError(f"--cases must be at least 1, got {args.cases}")
    return write_cohort_from_labels(files[: args.cases], args.out, labels, args.seed, args.spacing, args.np)
