"""Labels of low quality, made from good ones: every organ eroded, dilated, shifted, merged with its neighbor, or missing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from nnunetv2_muduo.teacher_training.volumes import Volume

SHIFTS = (-2, -1, 1, 2)  # voxels


def spoilt_volume(volume: Volume, folder: Path, seed: int) -> Volume:
    """The volume with spoilt labels, written to `folder` unless they are there; organs that are gone are not asked for."""
    path = folder / volume.path.name
    if not (path / "labels.npy").is_file():
        path.mkdir(parents=True, exist_ok=True)
        (path / "image.npy").unlink(missing_ok=True)
        (path / "image.npy").symlink_to((volume.path / "image.npy").resolve())
        rng = np.random.default_rng([seed, *volume.name.encode()])
        np.save(path / "labels.npy", spoilt(np.asarray(volume.labels), rng))
    labels = np.load(path / "labels.npy", mmap_mode="r")
    there = set(np.unique(labels).tolist())
    return replace(volume, path=path, centers={label: c for label, c in volume.centers.items() if label in there})


def spoilt(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels [x, y, z] of which every organ is spoilt in one way, drawn for each; an earlier organ keeps its voxels."""
    result = np.zeros_like(labels)
    for label in rng.permutation(np.setdiff1d(labels, 0)):
        way = WAYS[list(WAYS)[rng.integers(len(WAYS))]]
        result[way(labels, label, rng) & (result == 0)] = label
    return result


def _eroded(labels: np.ndarray, label: int, rng: np.random.Generator) -> np.ndarray:
    """A voxel smaller all around; an organ that would be gone stays as it is."""
    eroded = ndimage.binary_erosion(labels == label)
    return eroded if eroded.any() else labels == label


def _dilated(labels: np.ndarray, label: int, rng: np.random.Generator) -> np.ndarray:
    return ndimage.binary_dilation(labels == label)


def _shifted(labels: np.ndarray, label: int, rng: np.random.Generator) -> np.ndarray:
    return np.roll(labels == label, rng.choice(SHIFTS), rng.integers(labels.ndim))


def _merged(labels: np.ndarray, label: int, rng: np.random.Generator) -> np.ndarray:
    """Together with the organ that it touches most; one that touches none is dilated."""
    dilated = ndimage.binary_dilation(labels == label)
    touched = np.bincount(labels[dilated & (labels != label)], minlength=1)
    touched[0] = 0
    return (labels == label) | (labels == touched.argmax()) if touched.any() else dilated


def _missing(labels: np.ndarray, label: int, rng: np.random.Generator) -> np.ndarray:
    return np.zeros(labels.shape, bool)


WAYS: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "eroded": _eroded,
    "dilated": _dilated,
    "shifted": _shifted,
    "merged": _merged,
    "missing": _missing,
}
