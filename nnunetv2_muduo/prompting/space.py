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
from nnunetv2_muduo.prompting.prompts import dense_path

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

    def voxels_zyx_to_mm(self, voxels: np.ndarray) -> np.ndarray:
        """Places in mm [n, 3] of voxels (z, y, x) of the turned image."""
        return np.asarray(voxels, float).reshape(-1, 3)[:, ::-1] @ self.grid.matrix.T + self.grid.origin_mm

    def file_voxels_to_mm(self, voxels: np.ndarray) -> np.ndarray:
        """Places in mm [n, 3] of voxels (x, y, z) of the file."""
        return np.asarray(voxels, float).reshape(-1, 3) @ self.file_grid.matrix.T + self.file_grid.origin_mm

    def file_voxels(self, places_mm: np.ndarray) -> np.ndarray:
        """Voxels (x, y, z) [n, 3] of the file that hold places in mm; they may lie outside."""
        offsets_mm = np.asarray(places_mm, float).reshape(-1, 3) - self.file_grid.origin_mm
        indices = np.round(offsets_mm @ np.linalg.inv(self.file_grid.matrix).T, DECIMALS)
        return np.floor(indices + 0.5).astype(int)

    def is_inside(self, places_mm: np.ndarray) -> np.ndarray:
        """Whether each place in mm [n, 3] lies in a voxel of the image [n]."""
        voxels = self.voxels_zyx(places_mm)
        return ((voxels >= 0) & (voxels < self.shape_zyx)).all(1)

    def require_inside(self, places_mm: np.ndarray) -> None:
        """Raise ValueError for a place outside the image; the message says where the image lies."""
        outside = ~self.is_inside(places_mm)
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

    def dense_path(self, places_mm: np.ndarray) -> np.ndarray:
        """Places [n, 3] along a scribble's straight parts, so near one another that no voxel between is left out.

        Raises ValueError for a place outside the image, as `require_inside`: a path to a place far away would not end.
        """
        self.require_inside(places_mm)
        return dense_path(places_mm, 0.5 * min(self.grid.spacing_mm))

    def mask_zyx(self, mask: sitk.Image) -> np.ndarray:
        """What is not 0 of an image on any grid as a boolean mask of the turned image, by nearest neighbor."""
        geometry = self.grid.origin_mm, self.grid.spacing_mm, self.grid.direction
        mask = sitk.Cast(mask != 0, sitk.sitkUInt8)
        mask = sitk.Resample(mask, self.grid.size, sitk.Transform(), sitk.sitkNearestNeighbor, *geometry, 0)
        return sitk.GetArrayFromImage(mask) > 0

    def of_file_array(self, mask_zyx: np.ndarray) -> np.ndarray:
        """A boolean array in the file's order (z, y, x), turned to LPS."""
        return self.mask_zyx(set_grid(sitk.GetImageFromArray(mask_zyx.astype(np.uint8)), self.file_grid))

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
