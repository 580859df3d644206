"""`muduo postprocess`: remove predicted parts that lie farther from their organ than the organ is long."""

import argparse
import shutil
from pathlib import Path

from nnunetv2_muduo.cli.arguments import require_folder_place

RECORD = "muduo_postprocessing.json"
_NNUNET_FILES = ("dataset.json", "plans.json")  # what nnU-Net's commands and ours look for beside predictions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `muduo postprocess`."""
    add = parser.add_argument
    add("prediction", type=Path, metavar="PRED", help="folder of predicted label maps")
    add(
        "labels",
        type=Path,
        metavar="LABELS",
        help="true label maps of the labeled cases, such as nnUNet_raw/DATASET/labelsTr: they tell how long organs are",
    )
    add("-o", dest="output", type=Path, required=True, metavar="OUT", help=f"folder for the label maps and {RECORD}")


def run(args: argparse.Namespace) -> int:
    """Write the cleaned label maps and a record of what went; 0 on success."""
    from nnunetv2_muduo.data.distant_parts import TOLERANCE
    from nnunetv2_muduo.data.postprocess import measure_extents_mm, postprocess_file
    from nnunetv2_muduo.evaluation.cases import find_labels, list_images
    from nnunetv2_muduo.storage import replacing, write_json

    if args.output.resolve() == args.prediction.resolve():
        raise ValueError(f"{args.output} holds the predictions themselves. Name another folder with -o.")
    require_folder_place(args.output)
    predictions, truths = list_images(args.prediction), list_images(args.labels)
    organs = find_labels(None, (args.prediction, args.labels.resolve().parent), truths.values()).organs
    extents_mm = measure_extents_mm(truths.values(), list(organs.values()))
    args.output.mkdir(parents=True, exist_ok=True)
    removed = {case: postprocess_file(path, args.output / path.name, extents_mm) for case, path in predictions.items()}
    for file in (args.prediction / name for name in _NNUNET_FILES):
        if file.is_file():
            with replacing(args.output / file.name) as temporary:
                shutil.copy(file, temporary)
    record = {
        "tolerance": TOLERANCE,
        "largest_extents_xyz_mm": {o: extents_mm[v, v].tolist() for o, v in organs.items() if (v, v) in extents_mm},
        "voxels_of_removed_parts": {
            case: {organ: parts[value] for organ, value in organs.items() if value in parts}
            for case, parts in removed.items()
        },
    }
    write_json(record, args.output / RECORD)
    n_parts = {organ: sum(len(parts.get(value, [])) for parts in removed.values()) for organ, value in organs.items()}
    listed = ", ".join(f"{n} of {organ}" for organ, n in n_parts.items() if n) or "none"
    print(f"Distant parts removed from {len(removed)} cases: {listed}. Written to {args.output}")
    return 0
