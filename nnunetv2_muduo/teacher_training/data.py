"""Data of a teacher's training: named data sets as volumes to learn from and volumes held out."""

from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from tqdm import tqdm

from nnunetv2_muduo.teacher_training.sources import LabeledScan, find_scans
from nnunetv2_muduo.teacher_training.volumes import Volume, cached_volume
from nnunetv2_muduo.user_files import read_user_text


class _OfPatient(Protocol):
    name: str
    patient: str


AnyCase = TypeVar("AnyCase", bound=_OfPatient)


def load_volumes(
    data: list[str], modality: str, spacing_mm: tuple[float, float], cache: Path, seed: int
) -> list[Volume]:
    """All labeled scans of some datasets (see `find_scans`), each at its own spacing from the range, through a cache.

    Raises ValueError where two datasets have cases of the same name, or no case has an organ large enough.
    """
    scans = [scan for source in data for scan in find_scans(source, modality)]
    names = [scan.name for scan in scans]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"case names must differ between datasets; found twice: {repeated[:5]}")
    progress = tqdm(scans, desc=f"{modality.upper()} cache", unit="case", disable=None)
    volumes = [cached_volume(scan, modality, _spacing_of(scan, spacing_mm, seed), cache) for scan in progress]
    volumes = [volume for volume in volumes if volume.centers]
    if not volumes:
        raise ValueError(
            f"{len(scans)} cases of {data} have no organ of at least 3.4 ml: are these label maps of organs?"
        )
    return volumes


def hold_out(
    volumes: list[AnyCase], fraction: float, seed: int, noisy_names: frozenset[str] = frozenset()
) -> tuple[list[AnyCase], list[AnyCase]]:
    """Volumes to learn from and held-out volumes, with at least one patient in each; a patient is never in both.

    Patients with a case in `noisy_names` are not held out: their labels would choose the best teacher.

    Raises ValueError where there is one patient alone, no fraction, or none but noisy labels.
    """
    patients = sorted({volume.patient for volume in volumes})
    noisy = {volume.patient for volume in volumes if volume.name in noisy_names}
    if len(patients) < 2 or len(noisy) == len(patients) or not 0 < fraction < 1:
        raise ValueError(
            f"holding out {fraction} of {len(patients)} patients, {len(noisy)} of them with noisy labels, leaves none to "
            "learn from or to measure on"
        )
    n_held_out = min(max(1, round(fraction * len(patients))), len(patients) - 1)
    drawn = [patient for patient in np.random.default_rng(seed).permutation(patients).tolist() if patient not in noisy]
    held_out = set(drawn[:n_held_out])
    return [v for v in volumes if v.patient not in held_out], [v for v in volumes if v.patient in held_out]


def read_noisy_names(path: Path) -> frozenset[str]:
    """Case names, one a line. Raises FileNotFoundError, and ValueError where it is no text."""
    if not path.is_file():
        raise FileNotFoundError(f"--noisy-labels {path}: no such file; it holds one case name a line")
    return frozenset(filter(None, map(str.strip, read_user_text(path).splitlines())))


def require_known(names: frozenset[str], volumes: list[Volume], path: Path) -> None:
    """Raises ValueError where names that were read from a file are no case's."""
    unknown = sorted(names - {volume.name for volume in volumes})
    if unknown:
        raise ValueError(f"--noisy-labels {path}: no such cases: {unknown[:5]}; known are {volumes[0].name}, ...")


def _spacing_of(scan: LabeledScan, spacing_mm: tuple[float, float], seed: int) -> float:
    low, high = spacing_mm
    return low if low == high else float(np.random.default_rng([seed, *scan.name.encode()]).uniform(low, high))
