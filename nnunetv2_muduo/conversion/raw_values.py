"""Plausibility of cases that stand in a raw data set already: the rules of a conversion, with what its record knows of each."""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.record import BQ_PER_ML, RECORD_FILE, recorded_cases
from nnunetv2_muduo.conversion.suv import WEIGHT_KEY
from nnunetv2_muduo.imageio.images import read_image
from nnunetv2_muduo.imageio.modalities import MODALITIES, modality_of
from nnunetv2_muduo.imageio.plausibility import Channel, require_plausible_case
from nnunetv2_muduo.imageio.units import value_range

_FIRST_CHANNEL = re.compile(r"_0000\.[^_]*$")


def require_plausible_raw_case(
    files: Sequence[Path | str], channel_names: Sequence[str], images: Sequence[np.ndarray], voxel_ml: float
) -> None:
    """Refuse images of a raw case that are not in HU and SUV; a PET that the record says to be in Bq/ml passes.

    Args:
        files: one for each channel, such as Dataset705_NAME/imagesUn/CASE_0000.nii.gz.
        channel_names: their names in dataset.json.
        images: their values (z, y, x), on one grid.

    Raises:
        CaseRefused: the message names the file.
    """
    first = Path(files[0])
    findings = recorded_findings(first.parents[1]).get(_FIRST_CHANNEL.sub("", first.name), {})
    modalities = [modality_of(name) for name in channel_names]
    if is_in_bqml(findings):
        modalities = [None if modality is MODALITIES["pet"] else modality for modality in modalities]
    channels = [Channel(*channel) for channel in zip(modalities, images, files, strict=False)]
    require_plausible_case(channels, voxel_ml, findings.get("header", {}).get(WEIGHT_KEY))


def read_plausible_case(files: Sequence[Path], channel_names: Sequence[str]) -> list[tuple[float, float]]:
    """Smallest and largest value of every image of a raw case.

    Raises:
        CaseRefused: an image is damaged, or the case is not in HU and SUV.
    """
    images = [read_image(path) for path in files]
    arrays = [sitk.GetArrayFromImage(image) for image in images]
    ranges = [value_range(values, path) for values, path in zip(arrays, files, strict=True)]
    if len({values.shape for values in arrays}) == 1:  # what lies on several grids is said elsewhere
        require_plausible_raw_case(files, channel_names, arrays, math.prod(images[0].GetSpacing()) / 1000)
    return ranges


def cases_in_bqml(dataset: Path) -> set[str]:
    """Cases of a raw data set whose PET was left in Bq/ml by `muduo convert dicom --allow-bqml`."""
    return {case for case, findings in recorded_findings(dataset).items() if is_in_bqml(findings)}


def is_in_bqml(findings: dict) -> bool:
    """Whether the findings of a case say that its PET is in Bq/ml."""
    return findings.get("pet_unit") == BQ_PER_ML


def recorded_findings(dataset: Path) -> dict[str, dict]:
    """What the conversion found of every case of a raw data set; empty where there was none."""
    path = dataset / RECORD_FILE
    return _read_findings(dataset, path.stat().st_mtime_ns) if path.is_file() else {}


@lru_cache(maxsize=2)
def _read_findings(dataset: Path, _changed_ns: int) -> dict[str, dict]:
    return {case: entry.get("findings", {}) for case, entry in recorded_cases(dataset).items()}
