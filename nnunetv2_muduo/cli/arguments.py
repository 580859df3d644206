"""Arguments that several commands have: what they may be, refused before any work begins."""

import argparse
import os
from pathlib import Path

from nnunetv2_muduo.case_names import ALLOWED, is_safe_file_name

MUDUO_TRAINER = "nnUNetTrainerMuDuo"


def fold(text: str) -> int | str:
    """Number of a fold, or "all"."""
    if text != "all" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no fold: give a number from 0, or all")
    return text if text == "all" else int(text)


def add_training_arguments(parser: argparse.ArgumentParser, **of_fold) -> None:
    """Name a training as nnUNetv2_train does, -d -tr -f -c -p; `of_fold` is what -f has beside its type."""
    add = parser.add_argument
    add("-d", dest="dataset", metavar="DATASET", help="data set name or ID")
    add("-tr", dest="trainer", metavar="TRAINER", default=MUDUO_TRAINER, help="trainer (default: %(default)s)")
    add("-f", dest="fold", type=fold, metavar="FOLD", **of_fold)
    add("-c", dest="configuration", default="3d_fullres", metavar="CONFIGURATION", help="(default: %(default)s)")
    add("-p", dest="plans", default="nnUNetPlans", metavar="PLANS", help="plans identifier (default: %(default)s)")


def model_folder(dataset: str, trainer: str, plans: str, configuration: str) -> Path:
    """nnUNet_results/DATASET/TRAINER__PLANS__CONFIGURATION.

    Raises:
        RuntimeError: no or several data sets have this ID.
    """
    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
    from nnunetv2.utilities.file_path_utilities import get_output_folder

    return Path(get_output_folder(maybe_convert_to_dataset_name(dataset), trainer, plans, configuration))


def device_of(args: argparse.Namespace):
    """The torch device of `-device`; where none is named, cuda where there is one, else cpu."""
    import torch

    return torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))


def claim_training(out: Path, checkpoint: str, continue_training: bool) -> None:
    """Raise RuntimeError or FileNotFoundError where a folder holds a training that is not to be continued, or none that could be.

    Args:
        checkpoint: name of the file from which a training goes on.
    """
    holds_training = (out / checkpoint).is_file()
    if holds_training and not continue_training:
        raise RuntimeError(f"{out} holds a training already. Continue it with --c, or name another folder.")
    if continue_training and not holds_training:
        raise FileNotFoundError(
            f"{out / checkpoint} is not there: no training to continue. Leave --c out to begin one."
        )


def case_name(text: str) -> str:
    """Name of a case, as in the data set's folders; blanks between words are none of a path's signs."""
    if not is_safe_file_name(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name of a case, which holds {ALLOWED}, or blanks between words"
        )
    return text


def name_and_folder(text: str) -> tuple[str, Path]:
    """Parse an argument NAME=FOLDER."""
    name, separator, folder = text.partition("=")
    if not (name and separator and folder):
        raise argparse.ArgumentTypeError(f"expected NAME=FOLDER, found {text!r}")
    return name, Path(folder)


def require_file_place(path: Path) -> None:
    """Refuse a file to write that is a folder, or whose folder is missing or can't be written: before the work, not after it.

    Raises:
        FileNotFoundError, ValueError, PermissionError
    """
    folder = path.resolve().parent
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Name a file to write in it, such as {path / 'NAME'}.")
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder} to write {path.name} to.")
    _require_writable(folder)


def require_folder_place(path: Path) -> None:
    """Refuse a folder to write that is a file, lies below a file, or can't be written.

    Raises:
        ValueError, PermissionError
    """
    place = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    if not place.is_dir():
        raise ValueError(f"{path} can't be made a folder: {place} is a file. Name another folder.")
    _require_writable(place)


def _require_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(f"You may not write in {folder}. Change its permissions, or name another place.")
