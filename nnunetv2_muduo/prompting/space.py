"""Where a prompt lies in an image: patient's millimeters (LPS), voxels of the file, and voxels of the image turned to LPS.

Everything is computed on the image turned to LPS, so that a file's orientation changes no answer; only files and users see
the file's own voxels.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from nnunetv2_muduo.imageio.grid import Grid, set_grid

CONNECTED = ndimage.generate_binary_structure(3, 2)
"""Voxels that belong together: 18 neighbors, as autoPET counts components."""
DECIMALS = 4
"""Of an index: a click between two voxels must fall to the same one, however the file's header was rounded."""


@dataclass(frozen=True)
class ImageSpace:
    """Grid of a file, and of the same voxels turned to LPS."""

    file_grid: Grid
    grid: Grid

    @classmethod
    def of(cls, image: sitk.Image) -> "ImageSpace":
        return cls(Grid.of(image), Grid.of(turned(image)))

    @property
    def shape_zyx(self) -> tuple[int, ...]:
        return self.grid.size[::-1]

    @property
    def spacing_zyx_mm(self) -> tuple[float, ...]:
        return self.grid.spacing_mm[::-1]

    @cached_property
    def _to_index(self) -> np.ndarray:
        return np.linalg.inv(self.grid.matrix)

    def indices(self, places_mm: np.ndarray) -> np.ndarray:
        """Continuous indices (x, y, z) [n, 3] of the turned image at places in mm."""
        offsets_mm = np.asarray(places_mm, float).reshape(-1, 3) - self.grid.origin_mm
        return np.round(offsets_mm @ self._to_index.T, DECIMALS)

    def voxels_zyx(self, places_mm: np.ndarray) -> np.ndarray:
        """Voxels (z, y, x) [n, 3] of the turned image that hold places in mm; they may lie outside."""
        return np.floor(self.indices(places_mm) + 0.5).astype(int)[:, ::-1]

    def file_voxels_to_mm(self, voxels: np.ndarray) -> np.ndarray:
        """Places in mm [n, 3] of voxels (x, y, z) of the file."""
        return np.asarray(voxels, float).reshape(-1, 3) @ self.file_grid.matrix.T + self.file_grid.origin_mm

    def require_inside(self, places_mm: np.ndarray) -> None:
        """Raise ValueError for a place outside the image; the message says where the image lies."""
        voxels = self.voxels_zyx(places_mm)
        outside = ((voxels < 0) | (voxels >= self.shape_zyx)).any(1)
        if outside.any():
            place = ", ".join(f"{mm:.1f}" for mm in np.reshape(places_mm, (-1, 3))[outside.argmax()])
            raise ValueError(
                f"The place ({place}) mm (LPS) lies outside the image, which {self.extent()}. Were voxels given as mm, or "
                "RAS as LPS?"
            )

    def extent(self) -> str:
        """Where the image lies, for messages."""
        ends = np.array([np.zeros(3), np.array(self.file_grid.size) - 1])
        corners = np.array([[ends[i, 0], ends[j, 1], ends[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        mm = self.file_voxels_to_mm(corners)
        ranges = ", ".join(
            f"{a} {low:.1f} to {high:.1f}" for a, low, high in zip("xyz", mm.min(0), mm.max(0), strict=True)
        )
        return f"lies at {ranges} mm and has {' x '.join(map(str, self.file_grid.size))} voxels"

    def to_file(self, array_zyx: np.ndarray) -> sitk.Image:
        """An array of the turned image as an image on the file's grid."""
        image = set_grid(sitk.GetImageFromArray(array_zyx), self.grid)
        return set_grid(sitk.DICOMOrient(image, self.file_grid.orientation), self.file_grid)


def ball(
    voxel: np.ndarray, radius_mm: float, spacing_mm: np.ndarray, shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], np.ndarray]:
    """A ball around a voxel [3], as far as it lies in an image: the box that holds it, and its mask in this box."""
    reach = np.floor(radius_mm / np.asarray(spacing_mm)).astype(int)
    low, high = np.maximum(voxel - reach, 0), np.minimum(voxel + reach + 1, shape)
    places = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), -1)
    return tuple(map(slice, low, high)), np.linalg.norm((places - voxel) * spacing_mm, axis=-1) <= radius_mm


def turned(image: sitk.Image) -> sitk.Image:
    """The image with its axes towards left, back and head, voxels as they are; its origin without rounding noise."""
    image = sitk.DICOMOrient(image, "LPS")
    image.SetOrigin(np.round(image.GetOrigin(), 6).tolist())
    return image
