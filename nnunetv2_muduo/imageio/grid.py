"""Grids in physical space: whether two images lie on the same one, and resampling from one onto another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.nifti_header import is_nifti, is_of_pair, require_readable_header
from nnunetv2_muduo.imageio.nifti_place import require_one_place, without_shear
from nnunetv2_muduo.imageio.refusal import CaseRefused, refusing_damage

GRID_TOLERANCE_VOX = 0.02
"""Voxel centers closer than this are the same place: for `muduo check`, prepare, convert, evaluate and figure alike.

Noise of headers is below: NIfTI's float32 moves the far end of a whole body by less than 0.001 voxels, and an origin rounded
to 0.01 mm is off by 0.01 voxels of 0.5 mm. What passes can't be seen, since it moves a surface by a fiftieth of a voxel.
"""


@dataclass(frozen=True)
class Grid:
    """Size, spacing (mm), origin (mm, LPS) and direction cosines of an image, all in x, y, z order."""

    size: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> "Grid":
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @property
    def matrix(self) -> np.ndarray:
        """(3, 3) matrix from index to physical offset in mm."""
        return np.reshape(self.direction, (3, 3)) * np.asarray(self.spacing_mm)

    @property
    def orientation(self) -> str:
        """Three letters such as LPS: where the index axes point to."""
        return orientation_of(self.direction)

    def __str__(self) -> str:
        numbers = [" x ".join(map(str, self.size)), _short(self.spacing_mm), _short(self.origin_mm)]
        return "size {}, spacing {} mm, origin {} mm, direction {}".format(*numbers, _short(self.direction))


def orientation_of(direction: Sequence[float]) -> str:
    """Three letters such as LPS: where the axes x, y, z of an image point to, by SimpleITK's nine direction cosines."""
    return sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(list(direction))


def read_grid(path: Path, name: str = "") -> Grid:
    """Grid of a file, from its header alone.

    Args:
        name: what messages call the file, where that isn't its path.

    Raises:
        CaseRefused: unreadable, or no 3D volume of scalars.
    """
    name = name or str(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with refusing_damage(name):
        if is_nifti(path.name) or is_of_pair(path.name):
            require_readable_header(path, name, GRID_TOLERANCE_VOX)
        reader.ReadImageInformation()
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
        raise CaseRefused(
            f"{name} is no 3D volume: its size is {reader.GetSize()}, with {reader.GetNumberOfComponents()} value(s) per "
            "voxel. A 3-dimensional image of scalars is expected: one label map or one PET frame per file."
        )
    return Grid.of(reader)


def read_affine_grid(path: Path) -> Grid:
    """Grid of a NIfTI file as nibabel and nnU-Net's NibabelIO read it: its axes need not be at right angles.

    Raises:
        CaseRefused: unreadable, no 3D volume, or its header says two places.
    """
    with refusing_damage(str(path)):
        image = nibabel.load(path)
        require_one_place(without_shear(image.header), str(path), GRID_TOLERANCE_VOX)
    if image.ndim != 3:
        raise CaseRefused(f"{path} is no 3D volume: its size is {image.shape}. One image per file is expected.")
    to_mm = np.diag([-1, -1, 1]) @ image.affine[:3]  # NIfTI's axes x and y point the other way
    spacing_mm = np.linalg.norm(to_mm[:, :3], axis=0)
    return Grid(image.shape, tuple(spacing_mm), tuple(to_mm[:, 3]), tuple((to_mm[:, :3] / spacing_mm).ravel()))


def set_grid(image: sitk.Image, grid: Grid) -> sitk.Image:
    """The image with the geometry of `grid`."""
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    return image


def _short(values) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


def index_map(grid: Grid, reference: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Affine map (matrix, offset) from voxel indices of `grid` to continuous voxel indices of `reference`."""
    to_reference = np.linalg.inv(reference.matrix)
    offset = to_reference @ (np.asarray(grid.origin_mm) - np.asarray(reference.origin_mm))
    return to_reference @ grid.matrix, offset


def corner_indices(grid: Grid) -> np.ndarray:
    """(8, 3) indices of the corner voxels."""
    return np.array(list(product(*((0, n - 1) for n in grid.size))), dtype=float)


def has_equal_header(grid: Grid, reference: Grid) -> bool:
    """True where nnU-Net, which compares headers with numpy.allclose, sees no difference either."""
    pairs = zip(
        (grid.spacing_mm, grid.origin_mm, grid.direction),
        (reference.spacing_mm, reference.origin_mm, reference.direction),
        strict=True,
    )
    return grid.size == reference.size and all(np.allclose(ours, theirs) for ours, theirs in pairs)


def is_same_grid(grid: Grid, reference: Grid) -> bool:
    """True where every voxel index means the same place on both, up to `GRID_TOLERANCE_VOX`."""
    if grid.size != reference.size:
        return False
    matrix, offset = index_map(grid, reference)
    corners = corner_indices(grid)
    return bool(np.abs(corners @ matrix.T + offset - corners).max() < GRID_TOLERANCE_VOX)


class DifferentGrids(CaseRefused):
    """Two images that belong together lie on different grids."""


def require_same_grid(path: Path, reference: Path, read: Callable[[Path], Grid] = read_grid) -> None:
    """Compare the grids of two files, from their headers alone.

    Args:
        read: `read_affine_grid` for files that nibabel reads.

    Raises:
        DifferentGrids: the message says both geometries.
        CaseRefused: see `read_grid`.
    """
    grid, reference_grid = read(path), read(reference)
    if not is_same_grid(grid, reference_grid):
        lines = f"{path}: {_geometry(grid)}", f"{reference}: {_geometry(reference_grid)}"
        raise DifferentGrids("\n    ".join(("different grids", *lines)))


def _geometry(grid: Grid) -> str:
    spacing, origin, direction = map(_short, (grid.spacing_mm, grid.origin_mm, grid.direction))
    return f"size {grid.size}, spacing {spacing}, origin {origin}, direction {direction}"


def is_same_lattice(grid: Grid, reference: Grid) -> bool:
    """True where both have the same voxel centers, possibly with axes permuted or flipped."""
    matrix, offset = index_map(grid, reference)
    axes = np.rint(matrix)
    if sorted(np.abs(axes).sum(0)) != [1, 1, 1] or sorted(np.abs(axes).sum(1)) != [1, 1, 1]:
        return False
    if tuple(np.abs(axes).astype(int) @ np.array(grid.size)) != tuple(reference.size):
        return False
    mapped = corner_indices(grid) @ matrix.T + offset
    ends = np.array(reference.size) - 1
    distance_to_end = np.minimum(np.abs(mapped), np.abs(mapped - ends))
    return bool(distance_to_end.max() < GRID_TOLERANCE_VOX)


def overlap_fraction(grid: Grid, reference: Grid, n_samples: int = 24) -> float:
    """Share of the reference's volume that lies inside `grid`, from a lattice of n_samples³ places."""
    samples = [(np.arange(n_samples) + 0.5) / n_samples * n - 0.5 for n in reference.size]
    places = np.stack(np.meshgrid(*samples, indexing="ij"), -1).reshape(-1, 3)
    matrix, offset = index_map(reference, grid)
    mapped = places @ matrix.T + offset
    inside = ((mapped > -0.5) & (mapped < np.array(grid.size) - 0.5)).all(1)
    return float(inside.mean())


def put_on_grid(image: sitk.Image, reference: sitk.Image, interpolator: int, outside: float) -> sitk.Image:
    """Resample `image` in physical space onto the reference's grid; `outside` fills where it has no voxels.

    Same voxels in the same order only get the reference's header; same voxels in another order are reordered exactly.
    """
    grid, reference_grid = Grid.of(image), Grid.of(reference)
    if is_same_grid(grid, reference_grid):
        result = sitk.Image(image)
        result.CopyInformation(reference)
        return result
    if is_same_lattice(grid, reference_grid) or interpolator == sitk.sitkNearestNeighbor:
        return sitk.Resample(image, reference, sitk.Transform(), sitk.sitkNearestNeighbor, outside, image.GetPixelID())
    result = sitk.Resample(image, reference, sitk.Transform(), interpolator, outside, sitk.sitkFloat32)
    is_integer = np.issubdtype(sitk.GetArrayViewFromImage(image).dtype, np.integer)
    return sitk.Cast(sitk.Round(result), image.GetPixelID()) if is_integer else result  # a cast alone cuts off decimals
