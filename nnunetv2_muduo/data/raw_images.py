"""Raw cases: found as nnU-Net finds them, read as its reader reads them, and refused where they make no sense."""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO, NibabelIOWithReorient

from nnunetv2_muduo.case_names import ALLOWED, is_safe_name
from nnunetv2_muduo.conversion.raw_values import read_plausible_case, require_plausible_raw_case
from nnunetv2_muduo.data.excluded_cases import ExcludedCase
from nnunetv2_muduo.imageio.grid import DifferentGrids, Grid, read_affine_grid, read_grid, require_same_grid
from nnunetv2_muduo.imageio.image_files import explain_names, files_of_cases
from nnunetv2_muduo.imageio.nifti import is_nifti, require_finite, require_intact
from nnunetv2_muduo.imageio.refusal import refusing_damage
from nnunetv2_muduo.imageio.units import value_range
from nnunetv2_muduo.user_files import expecting_fields

UNLABELED_FOLDER = "imagesUn"
READERS_OF_NIBABEL = (NibabelIO, NibabelIOWithReorient)


def find_labeled(raw_dataset: Path, dataset_json: Mapping[str, Any]) -> dict[str, tuple[list[Path], Path]]:
    """Images by channel, and the label map, of every labeled case, which need not be there.

    As nnU-Net finds them: in `imagesTr` and `labelsTr`, or where the field `dataset` of dataset.json says they lie; its paths
    may hold variables, and begin at the data set's folder.

    Raises:
        ValueError: that field has another shape.
    """
    ending = dataset_json["file_ending"]
    if "dataset" not in dataset_json:
        cases, _ = files_of_cases(raw_dataset / "imagesTr", ending)
        return {case: (files, raw_dataset / "labelsTr" / f"{case}{ending}") for case, files in cases.items()}
    with expecting_fields(raw_dataset / "dataset.json"):
        return {
            case: ([_place(raw_dataset, file) for file in files["images"]], _place(raw_dataset, files["label"]))
            for case, files in dataset_json["dataset"].items()
        }


def _place(raw_dataset: Path, file: str) -> Path:
    return Path(os.path.abspath(raw_dataset / os.path.expandvars(file)))


def find_unlabeled(
    raw_dataset: Path, file_ending: str, channels: Sequence[str] = ("CT", "PET")
) -> dict[str, list[str]]:
    """Files of every case in `imagesUn`, as {case: [file of each channel]}.

    Args:
        channels: names in dataset.json.

    Raises:
        FileNotFoundError: there is no `imagesUn`, it is empty, a file's name holds no channel, or a case lacks a channel (all
            such files are named).
        ValueError: a case's name holds blanks, path separators or signs that mean something to a shell.
    """
    folder = raw_dataset / UNLABELED_FOLDER
    cases, odd = files_of_cases(folder, file_ending)
    if odd:
        raise FileNotFoundError(f"{folder}: {explain_names(odd, file_ending, channels)}.")
    if not cases:
        raise FileNotFoundError(
            f"No unlabeled cases in {folder}. Put {' and '.join(channels)} of each there as "
            f"{' and '.join(f'CASE_{c:04d}{file_ending}' for c in range(len(channels)))}, or train without unlabeled "
            f"cases with -tr nnUNetTrainer."
        )
    _refuse_odd_names(cases, folder)
    expected = {case: [folder / f"{case}_{c:04d}{file_ending}" for c in range(len(channels))] for case in cases}
    missing = [file.name for case, there in cases.items() for file in expected[case] if file not in there]
    if missing:
        needed = " and ".join(f"_{c:04d} ({name})" for c, name in enumerate(channels))
        raise FileNotFoundError(
            f"{len(missing)} file(s) missing in {folder}: {', '.join(missing[:5])}. Every case needs {needed}. Add the missing "
            f"channel or remove the case."
        )
    return {case: list(map(str, files)) for case, files in expected.items()}


def without_raw_files(raw_dataset: Path, n_prepared: int) -> str:
    """What is said where unlabeled cases are prepared, but their images are not in nnUNet_raw any more."""
    return (
        f"no unlabeled cases in {raw_dataset / UNLABELED_FOLDER}: going on with the {n_prepared} that are prepared, of which "
        f"it can't be seen whether their images have changed"
    )


def _refuse_odd_names(cases: Iterable[str], folder: Path) -> None:
    odd = [case for case in cases if not is_safe_name(case)]
    if odd:
        raise ValueError(
            f"Names of unlabeled cases may hold {ALLOWED}; in {folder} there are "
            f"{', '.join(map(repr, odd[:5]))}. Rename them."
        )


def read_case(
    files: list[str], reader: BaseReaderWriter, channels: Sequence[str] = ("CT", "PET")
) -> tuple[np.ndarray, dict]:
    """All channels [C, z, y, x] and their properties, as nnU-Net's reader gives them.

    Args:
        files: one for each channel.
        channels: names in dataset.json, which tell the CT (HU) and the PET (SUV).

    Raises:
        ExcludedCase: the channels lie on different grids, are damaged, hold NaN, are constant, or the PET is no SUV (the CT
            no HU), by themselves or seen together; the file is named.
    """
    try:
        _refuse_different_grids(files, reader)
        _refuse_damaged(files, reader)
        with refusing_damage(" or ".join(files)):
            images, properties = reader.read_images(files)
        for image, file in zip(images, files, strict=True):
            require_finite(image, file)  # of formats that ITK reads as they are
        _refuse_constant(images, files)
        require_plausible_raw_case(files, channels, images, math.prod(properties["spacing"]) / 1000)
    except (ValueError, RuntimeError, OSError) as error:
        raise ExcludedCase(str(error)) from error
    return images, properties


def grid_reader(reader: type[BaseReaderWriter]) -> Callable[[Path], Grid]:
    """What reads a file's grid as nnU-Net's reader does: with nibabel's, axes need not be at right angles as ITK's must."""
    return read_affine_grid if issubclass(reader, READERS_OF_NIBABEL) else read_grid


def read_labeled_ranges(
    files: Sequence[Path], reader: type[BaseReaderWriter], channels: Sequence[str]
) -> list[tuple[float, float]]:
    """Smallest and largest value of every channel of a labeled case.

    Raises:
        ValueError: as `read_case`; the file is named.
    """
    if not issubclass(reader, READERS_OF_NIBABEL):
        return read_plausible_case(files, channels)
    images, _ = read_case([str(file) for file in files], reader(), channels)
    return [value_range(image, file) for image, file in zip(images, files, strict=True)]


def _refuse_different_grids(files: list[str], reader: BaseReaderWriter) -> None:
    read = grid_reader(type(reader))
    for other in files[1:]:
        try:
            require_same_grid(Path(other), Path(files[0]), read)
        except DifferentGrids as error:
            raise ValueError(
                f"{error}\n    Resample the channels on one grid (CT on that of PET, as `muduo convert` does) or remove the case."
            ) from error


def _refuse_damaged(files: list[str], reader: BaseReaderWriter) -> None:
    """ITK, with which nnU-Net reads, turns NaN and the missing end of a truncated NIfTI file into 0 without a word.

    nibabel says what is missing and keeps NaN, so that only the header is looked at.
    """
    require = read_affine_grid if isinstance(reader, READERS_OF_NIBABEL) else require_intact
    with ThreadPoolExecutor() as pool:  # unpacking does not hold Python's lock
        list(pool.map(require, [Path(file) for file in files if is_nifti(file)]))


def _refuse_constant(images: np.ndarray, files: list[str]) -> None:
    for image, file in zip(images, files, strict=True):
        if image.min() == image.max():
            raise ValueError(f"{file} is constant ({image.min()} everywhere). Correct or remove the case.")
