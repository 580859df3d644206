"""`muduo figure`: draw cases with truth and predictions for a paper."""

import argparse
from pathlib import Path

from nnunetv2_muduo.cli.arguments import case_name, name_and_folder, require_folder_place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `muduo figure`."""
    add = parser.add_argument
    add("cases", nargs="+", type=case_name, metavar="CASE", help="names of the cases, as of their label files")
    add(
        "--images",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="nnU-Net images: <case>_0000 is CT in HU, <case>_0001 PET in SUV",
    )
    add("--truth", type=Path, metavar="FOLDER", help="true label maps")
    add(
        "--prediction",
        type=name_and_folder,
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="predicted label maps and what to call them; may be repeated",
    )
    add("--labels", type=Path, metavar="dataset.json", help="label names (default: as for muduo evaluate)")
    add("--suv-max", type=float, default=10.0, metavar="SUV", help="upper end of the PET window (default: %(default)s)")
    add("-o", dest="output", type=Path, required=True, metavar="OUT", help="folder for <case>.png and <case>.svg")


def run(args: argparse.Namespace) -> int:
    """Draw every case; 0 on success."""
    from tqdm import tqdm

    from nnunetv2_muduo.evaluation.cases import find_labels
    from nnunetv2_muduo.imageio.images import read_oriented, rounded_labels
    from nnunetv2_muduo.visualization.case_figure import draw_case

    folders = ({"truth": args.truth} if args.truth else {}) | dict(args.prediction)
    if not folders:
        raise ValueError("Nothing to draw on the images: give --truth, --prediction or both.")
    require_folder_place(args.output)
    files = {case: find_files(case, args.images, folders) for case in args.cases}
    search = [*folders.values(), *(folder.resolve().parent for folder in folders.values())]
    labels = find_labels(args.labels, search, (path for paths in files.values() for path in paths[2:]))
    args.output.mkdir(parents=True, exist_ok=True)
    for case, paths in tqdm(files.items(), "drawing", unit="case"):
        (ct_hu, pet_suv, *maps), (spacing_mm, *_) = zip(*map(read_oriented, paths), strict=True)
        maps = [rounded_labels(labels_zyx, path) for labels_zyx, path in zip(maps, paths[2:], strict=True)]
        segmentations = dict(zip(folders, maps, strict=True))
        draw_case(ct_hu, pet_suv, spacing_mm, segmentations, labels.organs, args.output / f"{case}.png", args.suv_max)
    return 0


def find_files(case: str, image_folder: Path, label_folders: dict[str, Path]) -> list[Path]:
    """A case's CT, PET and label maps, in this order.

    Raises:
        FileNotFoundError, ValueError: files that are missing, or not on the CT's grid.
    """
    from nnunetv2_muduo.evaluation.cases import list_images
    from nnunetv2_muduo.imageio.grid import require_same_grid

    wanted = [(image_folder, f"{case}_0000"), (image_folder, f"{case}_0001")]
    wanted += [(folder, case) for folder in label_folders.values()]
    paths = [list_images(folder).get(name) for folder, name in wanted]
    missing = [f"{name} in {folder}" for (folder, name), path in zip(wanted, paths, strict=True) if path is None]
    if missing:
        raise FileNotFoundError(f"{len(missing)} file(s) of case {case} are missing: {'; '.join(missing)}")
    for path in paths[1:]:
        require_same_grid(path, paths[0])
    return paths
