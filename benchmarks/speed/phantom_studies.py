"""Whole-body phantom studies as files, and the statistics of their organs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.data.views import N_CHANNELS
from nnunetv2_muduo.phantom.cohort import iterate_cases, render_case, to_image


@dataclass(frozen=True)
class Study:
    """A study's files, and nnU-Net's and our folder for it."""

    name: str
    files: list[str]
    label_file: str
    theirs: Path
    ours: Path


def write_study(name: str, spacing_mm: float, folder: Path) -> Study:
    """A man's study as .nii.gz, and the folders for what becomes of it."""
    case = next(case for case in iterate_cases(seed=0) if case.patient.male)
    files = []
    for key, array in render_case(case, spacing_mm).items():
        files.append(str(folder / f"{name}_{key}.nii.gz"))
        sitk.WriteImage(to_image(array, spacing_mm, case.origin_mm), files[-1])
    theirs, ours = folder / "nnunet" / name, folder / "ours" / name
    theirs.mkdir(parents=True)
    (ours / "prompt_maps").mkdir(parents=True)
    return Study(name, files[:N_CHANNELS], files[N_CHANNELS], theirs, ours)


def intensities_of_organs(study: Study) -> dict[str, dict[str, float]]:
    """Statistics of the labeled voxels of each channel, as nnU-Net's fingerprint has them."""
    images = [sitk.GetArrayFromImage(sitk.ReadImage(file)) for file in (*study.files, study.label_file)]
    organs = images[N_CHANNELS] > 0
    return {str(channel): _statistics(images[channel][organs]) for channel in range(N_CHANNELS)}


def _statistics(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.percentile(values, (0.5, 50, 99.5))
    extremes = {"min": float(values.min()), "max": float(values.max())}
    spread = {"mean": float(values.mean()), "std": float(values.std()), "median": float(median)}
    return {**extremes, **spread, "percentile_00_5": float(low), "percentile_99_5": float(high)}
