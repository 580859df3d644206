"""An image at a teacher's own spacing, and answers back on the image's grid."""

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.grid import Grid
from nnunetv2_muduo.prompting.answers import Answer

OUTSIDE = 0.0
"""HU or SUV where a patch reaches beyond the image, as in the networks' training (docs/teachers.md)."""


class TeacherVolume:
    """Values [x, y, z] at a teacher's spacing over the reference image's box, linear, as a teacher's training reads them.

    Args:
        image, reference: turned to LPS; the image may lie on another grid, as a CT does beside a PET.
    """

    def __init__(self, image: sitk.Image, reference: sitk.Image, spacing_mm: float):
        self.reference = Grid.of(reference)
        self.scale = np.array(reference.GetSpacing()) / spacing_mm
        size = np.maximum(1, np.rint(np.array(reference.GetSize()) * self.scale)).astype(int)
        self._grid = Grid(
            tuple(size.tolist()),
            (spacing_mm,) * 3,
            reference.TransformContinuousIndexToPhysicalPoint((1 / self.scale - 1) / 2),
            reference.GetDirection(),
        )
        self.values = sitk.GetArrayFromImage(resampled(image, self._grid, OUTSIDE)).T

    @property
    def size(self) -> np.ndarray:
        return np.array(self.values.shape)

    def indices(self, reference_indices: np.ndarray) -> np.ndarray:
        """Continuous indices (x, y, z) here of continuous indices of the reference image."""
        return (np.asarray(reference_indices) + 0.5) * self.scale - 0.5

    def patch(self, corner: tuple[int, int, int], edge: int) -> np.ndarray:
        """Cubic patch [edge, edge, edge] that may reach beyond the image."""
        return crop(self.values, corner, edge, OUTSIDE)

    def put_in(self, mask_zyx: np.ndarray) -> np.ndarray:
        """A boolean mask of the reference image as shares [x, y, z] here."""
        image = sitk.GetImageFromArray(mask_zyx.astype(np.float32))
        image.SetSpacing(self.reference.spacing_mm)
        image.SetOrigin(self.reference.origin_mm)
        image.SetDirection(self.reference.direction)
        return sitk.GetArrayFromImage(resampled(image, self._grid, 0.0)).T

    def answer(self, corner: np.ndarray, probs_xyz: np.ndarray) -> Answer:
        """Probabilities of a box here, on the reference image's grid."""
        low = np.maximum(np.ceil(corner / self.scale - 0.5), 0).astype(int)
        high = np.floor((corner + probs_xyz.shape) / self.scale - 0.5).astype(int) + 1
        high = np.minimum(high, self.reference.size)
        image = sitk.GetImageFromArray(np.ascontiguousarray(np.pad(probs_xyz, 1, mode="edge").T))
        image.SetOrigin(((corner - 0.5) / self.scale - 0.5).tolist())  # in the reference's indices, as is the spacing
        image.SetSpacing((1 / self.scale).tolist())
        target = Grid(tuple((high - low).tolist()), (1.0,) * 3, tuple(map(float, low)), tuple(np.eye(3).ravel()))
        return Answer(low[::-1], sitk.GetArrayFromImage(resampled(image, target, 0.0)))


def resampled(image: sitk.Image, grid: Grid, outside: float) -> sitk.Image:
    """The image on a grid, linear, as float32."""
    geometry = grid.origin_mm, grid.spacing_mm, grid.direction
    return sitk.Resample(image, grid.size, sitk.Transform(), sitk.sitkLinear, *geometry, outside, sitk.sitkFloat32)


def crop(values: np.ndarray, corner: tuple[int, int, int], edge: int, outside: float) -> np.ndarray:
    """Cube of an array, filled where it reaches beyond it."""
    cube = np.full((edge,) * 3, outside, np.float32)
    low = np.maximum(corner, 0)
    high = np.minimum(np.add(corner, edge), values.shape)
    if (high > low).all():
        cube[tuple(map(slice, low - corner, high - corner))] = values[tuple(map(slice, low, high))]
    return cube
