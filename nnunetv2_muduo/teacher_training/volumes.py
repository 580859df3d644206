"""Volumes that a teacher's training reads: isotropic, in the teacher's axes, in files that are mapped into memory."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from nnunetv2_muduo.imageio.grid import require_same_grid
from nnunetv2_muduo.imageio.images import read_image, whole_numbers
from nnunetv2_muduo.imageio.modalities import MODALITIES, Modality
from nnunetv2_muduo.storage import file_stamp, naming_file, read_json, write_json
from nnunetv2_muduo.teacher_training.sources import LabeledScan

MIN_ORGAN_MM3 = 3375  # 1000 voxels of 1.5 mm, as published
MIN_ORGAN_VOXELS = 8


@dataclass(frozen=True)
class Volume:
    """A scan in its cache; arrays have the teacher's axes (x, y, z)."""

    name: str
    patient: str
    spacing_mm: float
    organs: dict[int, str]
    centers: dict[int, tuple[int, int, int]]
    """Voxel in the middle of each organ's box, for organs that are large enough."""
    path: Path

    @cached_property
    def image(self) -> np.ndarray:
        """HU or SUV [x, y, z], read where it is needed."""
        return np.load(self.path / "image.npy", mmap_mode="r")

    @cached_property
    def labels(self) -> np.ndarray:
        """Organ labels [x, y, z], read where they are needed."""
        return np.load(self.path / "labels.npy", mmap_mode="r")

    @property
    def min_organ_voxels(self) -> int:
        """Voxels that an organ, or the part of it in a crop, must have to be asked for."""
        return min_organ_voxels(self.spacing_mm)


def min_organ_voxels(spacing_mm: float) -> int:
    """The published 1000 voxels of 1.5 mm as a volume."""
    return max(MIN_ORGAN_VOXELS, round(MIN_ORGAN_MM3 / spacing_mm**3))


def cached_volume(scan: LabeledScan, modality: str, spacing_mm: float, cache: Path) -> Volume:
    """The scan at `spacing_mm`, made where the cache has none; it is made again where the scan's files changed."""
    path = cache / f"{scan.name}_{modality}"
    identity = {"files": [file_stamp(file, str(file)) for file in (scan.image, scan.label)], "spacing_mm": spacing_mm}
    record_file = path / "record.json"
    record = read_json(record_file) or {}
    if record.get("identity") != identity:
        record_file.unlink(missing_ok=True)
        record = {"identity": identity, "centers": _write(scan, modality, spacing_mm, path)}
        write_json(record, record_file)  # written last: what has it is whole
    centers = {int(label): tuple(center) for label, center in record["centers"].items()}
    organs = scan.organs or {label: f"label {label}" for label in centers}
    centers = {label: center for label, center in centers.items() if label in organs}
    return Volume(scan.name, scan.patient, spacing_mm, organs, centers, path)


def read_isotropic(scan: LabeledScan, spacing_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Image (float32) and labels (uint8) [x, y, z] in the order of the file's axes, linear and nearest (docs/teachers.md).

    Raises ValueError where the two have different grids or values that can't be used.
    """
    require_same_grid(scan.label, scan.image)
    image = sitk.Cast(read_image(scan.image), sitk.sitkFloat32)
    labels = whole_numbers(read_image(scan.label), scan.label)
    labels.CopyInformation(image)  # their headers may differ by rounding
    values = sitk.GetArrayViewFromImage(labels)
    if values.min() < 0 or values.max() > 255:
        raise ValueError(f"{scan.label} has values from {values.min()} to {values.max()}; 0 to 255 can be used")
    labels = sitk.Cast(labels, sitk.sitkUInt8)
    grid = _isotropic_grid(image, spacing_mm)
    arrays = (
        sitk.GetArrayFromImage(sitk.Resample(volume, grid, sitk.Transform(), interpolator))
        for volume, interpolator in ((image, sitk.sitkLinear), (labels, sitk.sitkNearestNeighbor))
    )
    image_zyx, labels_zyx = arrays
    return image_zyx.T, labels_zyx.T


def _isotropic_grid(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """An empty image whose voxels fill the same box as well as whole voxels can, from the same corner."""
    old_mm = np.array(image.GetSpacing())
    size = np.maximum(1, np.rint(np.array(image.GetSize()) * old_mm / spacing_mm)).astype(int)
    grid = sitk.Image(*map(int, size), sitk.sitkUInt8)
    grid.SetSpacing((spacing_mm,) * 3)
    grid.SetDirection(image.GetDirection())
    grid.SetOrigin(image.TransformContinuousIndexToPhysicalPoint((spacing_mm / old_mm - 1) / 2))
    return grid


def _write(scan: LabeledScan, modality: str, spacing_mm: float, path: Path) -> dict[int, list[int]]:
    image, labels = read_isotropic(scan, spacing_mm)
    path.mkdir(parents=True, exist_ok=True)
    with naming_file(path):
        np.save(path / "image.npy", _to_keep(image, MODALITIES[modality], scan.image))
        np.save(path / "labels.npy", np.ascontiguousarray(labels))
    return _centers(labels, min_organ_voxels(spacing_mm))


def _to_keep(image: np.ndarray, modality: Modality, path: Path) -> np.ndarray:
    """The image in the type it is kept in. Raises ValueError where that can't hold it, which no HU or SUV does."""
    whole = np.issubdtype(modality.kept_as, np.integer)
    largest = (np.iinfo if whole else np.finfo)(modality.kept_as).max
    if not np.abs(image).max() <= largest:
        raise ValueError(f"{path} has values from {image.min()} to {image.max()}, which are no {modality.unit}")
    return np.ascontiguousarray(np.rint(image) if whole else image, modality.kept_as)


def _centers(labels: np.ndarray, min_voxels: int) -> dict[int, list[int]]:
    counts = np.bincount(labels.ravel(), minlength=256)
    return {
        label: [(axis.start + axis.stop - 1) // 2 for axis in box]
        for label, box in enumerate(ndimage.find_objects(labels), start=1)
        if box is not None and counts[label] >= min_voxels
    }
