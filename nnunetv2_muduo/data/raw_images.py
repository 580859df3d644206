"""Unlabeled cases as they stand in `imagesUn`: found by their files' names, read, and refused where they make no sense."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.utilities.utils import create_lists_from_splitted_dataset_folder

from nnunetv2_muduo.data.excluded_cases import ExcludedCase
from nnunetv2_muduo.data.views import N_CHANNELS, PET_CHANNEL
from nnunetv2_muduo.imageio.modalities import MODALITIES
from nnunetv2_muduo.imageio.nifti import NIFTI_ENDINGS, n_not_finite
from nnunetv2_muduo.imageio.units import require_plausible

UNLABELED_FOLDER = "imagesUn"
_SAFE_NAME = re.compile(r"[\w=@+][\w=@+.,-]*")  # nothing that a path, a shell or an option is made of


def find_unlabeled(raw_dataset: Path, file_ending: str) -> dict[str, list[str]]:
    """Files of every case in `imagesUn`, as {case: [CT file, PET file]}.

    Raises:
        FileNotFoundError: there is no `imagesUn`, it is empty, or a case lacks a channel (all such cases are named).
        ValueError: a case's name holds blanks, path separators or signs that mean something to a shell.
    """
    folder = raw_dataset / UNLABELED_FOLDER
    files = create_lists_from_splitted_dataset_folder(str(folder), file_ending) if folder.is_dir() else []
    if not files:
        raise FileNotFoundError(
            f"No unlabeled cases in {folder}. Put CT and PET of each there as CASE_0000{file_ending} and "
            f"CASE_0001{file_ending}, or train without unlabeled cases with -tr nnUNetTrainer."
        )
    suffix = len(f"_0000{file_ending}")
    cases = {Path(case_files[0]).name[:-suffix]: sorted(case_files) for case_files in files}
    odd = [case for case in cases if not _SAFE_NAME.fullmatch(case)]
    if odd:
        raise ValueError(
            f"Names of unlabeled cases may hold letters, digits and _ - . , = @ + alone; in {folder} there are "
            f"{', '.join(map(repr, odd[:5]))}. Rename them."
        )
    expected = {case: [str(folder / f"{case}_{c:04d}{file_ending}") for c in range(N_CHANNELS)] for case in cases}
    missing = [f for case, names in cases.items() for f in expected[case] if f not in names]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} file(s) missing in {folder}: {', '.join(Path(f).name for f in missing[:5])}. Every case needs "
            f"_0000 (CT) and _0001 (PET). Add the missing channel or remove the case."
        )
    return expected


def read_case(files: list[str], reader: BaseReaderWriter) -> tuple[np.ndarray, dict]:
    """Both channels [2, z, y, x] (HU, SUV) and their properties, as nnU-Net's reader gives them.

    Raises:
        ExcludedCase: the channels lie on different grids, are damaged, hold NaN, are constant, or the PET is no SUV; the
            file is named.
    """
    try:
        _refuse_different_grids(files)
        _refuse_damaged(files)
        images, properties = reader.read_images(files)
        _refuse_constant(images, files)
        require_plausible(MODALITIES["pet"], images[PET_CHANNEL], files[PET_CHANNEL])
    except (ValueError, RuntimeError, OSError) as error:
        raise ExcludedCase(str(error)) from error
    return images, properties


def _refuse_different_grids(files: list[str]) -> None:
    # Here, since prediction imports this module and needs nothing of the evaluation.
    from nnunetv2_muduo.imageio.images import check_same_grid, read_header

    ct, *others = (read_header(Path(file)) for file in files)
    for other in others:
        try:
            check_same_grid(other, ct)
        except ValueError as error:
            raise ValueError(
                f"{error}\n    Resample CT on the PET grid, as `muduo convert` does, or remove the case."
            ) from error


def _refuse_damaged(files: list[str]) -> None:
    """ITK, with which nnU-Net reads, turns NaN and the missing end of a truncated NIfTI file into 0 without a word."""
    files = [file for file in files if file.endswith(NIFTI_ENDINGS)]
    with ThreadPoolExecutor() as pool:  # unpacking does not hold Python's lock
        for file, n_bad in zip(files, pool.map(n_not_finite, map(Path, files)), strict=True):
            if n_bad:
                raise ValueError(f"{file} holds {n_bad} values that are not finite. Correct or remove the case.")


def _refuse_constant(images: np.ndarray, files: list[str]) -> None:
    for image, file in zip(images, files, strict=True):
        if image.min() == image.max():
            raise ValueError(f"{file} is constant ({image.min()} everywhere). Correct or remove the case.")
