"""`muduo evaluate`: measure predictions against the truth, per organ and case."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nnunetv2_muduo.cli.arguments import name_and_folder, require_folder_place

if TYPE_CHECKING:
    from nnunetv2_muduo.evaluation.cases import LabelNames
    from nnunetv2_muduo.evaluation.results import Results
    from nnunetv2_muduo.evaluation.table import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `muduo evaluate`."""
    add = parser.add_argument
    add("prediction", type=Path, metavar="PRED", help="folder of predicted label maps")
    add("truth", type=Path, metavar="GT", help="folder of true label maps with the same file names")
    add(
        "-o",
        dest="output",
        type=Path,
        metavar="OUT",
        help="folder for metrics.csv, summary.csv, metrics.json and metrics.md",
    )
    add(
        "--labels",
        type=Path,
        metavar="dataset.json",
        help="label names (default: dataset.json in PRED, in GT or above GT, else the values themselves)",
    )
    add(
        "--pet",
        type=Path,
        metavar="FOLDER",
        help="PET in SUV on the truth's grid, <case>.nii.gz or <case>_0001.nii.gz: adds uptake",
    )
    add("--name", help="what to call PRED in tables (default: the folder's name)")
    add(
        "--compare",
        type=name_and_folder,
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="predictions of another method on the same cases, tested against PRED; may be repeated",
    )
    add("--published", action="store_true", help="also count by the rules of the MuDuo paper's code")
    add("--tolerance", type=float, default=3.0, metavar="MM", help="tolerance of NSD in mm (default: %(default)s)")
    add(
        "--tolerance-voxel",
        type=float,
        default=1.0,
        metavar="VOXELS",
        help="tolerance of NSD in voxels (default: %(default)s)",
    )
    add("--resample", action="store_true", help="resample predictions on the truth's grid by nearest neighbor")
    add("--subset", action="store_true", help="measure the predicted cases only, such as one fold of labelsTr")
    add("-np", dest="n_processes", type=int, default=2, metavar="N", help="processes (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure, print and write; 0 on success."""
    from nnunetv2_muduo.evaluation.metrics import Tolerances
    from nnunetv2_muduo.evaluation.results import collect_results
    from nnunetv2_muduo.evaluation.table import Settings, measure_methods
    from nnunetv2_muduo.evaluation.text import results_text

    if args.output:
        require_folder_place(args.output)
    folders = _methods(args)
    tolerances = Tolerances(args.tolerance, args.tolerance_voxel)
    settings = Settings(_labels(args), tolerances, args.resample, args.subset)
    measures, sha256 = measure_methods(folders, args.truth, args.pet, settings, args.n_processes)
    results = collect_results(measures, args.published)
    text = results_text(results, tolerances)
    if args.output:
        names = {name: folder.resolve().name for name, folder in folders.items()}  # no paths, which name people
        inputs = {"truth": args.truth.resolve().name, "predictions": names, "sha256": sha256}
        _write(args.output, results, text, settings, inputs)
    print(text)
    return 0


def _labels(args: argparse.Namespace) -> "LabelNames":
    from itertools import chain

    from nnunetv2_muduo.evaluation.cases import find_labels, list_images

    search = (args.prediction, args.truth, args.truth.resolve().parent)
    label_maps = chain.from_iterable(list_images(folder).values() for folder in (args.prediction, args.truth))
    return find_labels(args.labels, search, label_maps)


def _write(folder: Path, results: "Results", text: str, settings: "Settings", inputs: dict) -> None:
    from nnunetv2_muduo.evaluation.output import write_metrics_json, write_tables
    from nnunetv2_muduo.storage import write_text

    folder.mkdir(parents=True, exist_ok=True)
    write_tables(folder, results)
    write_metrics_json(folder / "metrics.json", results, settings, inputs)
    write_text(text, folder / "metrics.md")


def _methods(args: argparse.Namespace) -> dict[str, Path]:
    named = [(args.name or args.prediction.resolve().name, args.prediction), *args.compare]
    if len(dict(named)) < len(named):
        raise ValueError(f"Two predictions have the same name: {[name for name, _ in named]}. Choose others by --name.")
    return dict(named)
