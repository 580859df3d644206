"""Label map of a study, read and brought to a coarser grid with the volume of each organ kept."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import find_objects

from nnunetv2_muduo.imageio.images import read_image, rounded_labels
from nnunetv2_muduo.imageio.refusal import CaseRefused


@dataclass(frozen=True)
class LabelMap:
    """Organ labels (z, y, x) uint8, z to the head, y to the back, x to the left, and the center of the first voxel."""

    labels: np.ndarray
    spacing_zyx: tuple[float, float, float]
    origin_zyx: tuple[float, float, float]

    @property
    def axes_zyx(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Centers of the voxels in mm along z, y, x."""
        ends = zip(self.origin_zyx, self.spacing_zyx, self.labels.shape, strict=True)
        return tuple(start + step * np.arange(n) for start, step, n in ends)

    def crop(self, slices: tuple[slice, slice, slice]) -> "LabelMap":
        """The part of the map in a box."""
        origin = tuple(float(axis[s.start]) for axis, s in zip(self.axes_zyx, slices, strict=True))
        return LabelMap(np.ascontiguousarray(self.labels[slices]), self.spacing_zyx, origin)


def read_label_map(path: str | Path, spacing_mm: float) -> LabelMap:
    """The label map of a NIfTI file on a grid of cubic voxels.

    Raises ValueError where the file is damaged, oblique, or holds other than whole numbers from 0 to 255.
    """
    image = sitk.DICOMOrient(read_image(Path(path)), "LPS")
    if not np.allclose(image.GetDirection(), np.eye(3).ravel(), atol=1e-3):
        raise ValueError(f"{path}: the grid is oblique; resample the label map to the axes of the body")
    labels = _as_uint8(sitk.GetArrayViewFromImage(image), path)
    return resample(LabelMap(labels, image.GetSpacing()[::-1], image.GetOrigin()[::-1]), spacing_mm)


def _as_uint8(values: np.ndarray, path: str | Path) -> np.ndarray:
    expected = f"{path}: whole numbers from 0 to 255 expected, found {values.min()} to {values.max()}"
    try:
        labels = rounded_labels(values, path)
    except CaseRefused as error:
        raise ValueError(expected) from error
    if labels.min() < 0 or labels.max() > 255:
        raise ValueError(expected)
    return labels.astype(np.uint8)


def resample(source: LabelMap, spacing_mm: float) -> LabelMap:
    """The map on cubic voxels that begin at the same corner.

    An organ takes as many voxels as its volume needs: those that it fills most. So small and thin organs neither vanish
    nor grow. Voxels that are filled alike are taken together; where two organs want a voxel, the smaller one has it.
    """
    weights = [_overlap(n, step, spacing_mm) for n, step in zip(source.labels.shape, source.spacing_zyx, strict=True)]
    out = np.zeros([len(w) for w in weights], np.uint8)
    organs = [(int((source.labels[box] == value).sum()), value, box) for value, box in _boxes(source.labels)]
    for n_fine, value, box in sorted(organs, key=lambda organ: organ[:2]):
        fraction, where = _filled_fraction(source.labels[box] == value, box, weights)
        n_voxels = n_fine * np.prod(source.spacing_zyx) / spacing_mm**3
        out[where][_fullest(np.where(out[where] == 0, fraction, 0), n_voxels)] = value
    origin = (o - step / 2 + spacing_mm / 2 for o, step in zip(source.origin_zyx, source.spacing_zyx, strict=True))
    return LabelMap(out, (spacing_mm,) * 3, tuple(origin))


def _boxes(labels: np.ndarray):
    return [(value, box) for value, box in enumerate(find_objects(labels), start=1) if box is not None]


def _fullest(fraction: np.ndarray, n_wanted: float) -> np.ndarray:
    """Mask of the voxels above the threshold that gives nearly the wanted number; empty only where all is 0."""
    fraction = fraction.round(4)  # sums in another order are no other fraction
    levels, counts = np.unique(fraction[fraction > 0], return_counts=True)
    if not len(levels):
        return fraction > 0
    n_above = np.cumsum(counts[::-1])
    return fraction >= levels[::-1][np.argmin(np.abs(n_above - n_wanted))]


def _overlap(n_fine: int, fine_mm: float, coarse_mm: float) -> np.ndarray:
    """Share (coarse, fine) of every coarse interval that lies in every fine one; both begin at 0."""
    n_coarse = max(1, int(np.ceil(n_fine * fine_mm / coarse_mm - 1e-6)))
    fine, coarse = np.arange(n_fine)[None] * fine_mm, np.arange(n_coarse)[:, None] * coarse_mm
    shared = np.minimum(fine + fine_mm, coarse + coarse_mm) - np.maximum(fine, coarse)
    return (np.clip(shared, 0, None) / coarse_mm).astype(np.float32)


def _filled_fraction(mask: np.ndarray, box: tuple[slice, ...], weights: list[np.ndarray]):
    """Part of every coarse voxel that the mask fills, and the slices of the coarse grid that it concerns."""
    fraction, where = mask.astype(np.float32), []
    for axis, (along, weight) in enumerate(zip(box, weights, strict=True)):
        rows = np.flatnonzero(weight[:, along].any(1))
        where.append(slice(rows[0], rows[-1] + 1))
        fraction = np.moveaxis(np.tensordot(weight[where[-1], along], fraction, (1, axis)), 0, axis)
    return fraction, tuple(where)
