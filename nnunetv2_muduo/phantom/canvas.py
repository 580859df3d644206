"""Canvas: the grid that an anatomy is painted on, and the shapes it is painted with.

Coordinates are those of a standard body, in mm: x to the patient's left, y to the back, z to the head; the origin lies
between the lungs, at the height of their lowest point. Arrays are (z, y, x).
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from nnunetv2_muduo.phantom.fields import SmoothField
from nnunetv2_muduo.phantom.tissues import ID, LABEL_OF_TISSUE


@dataclass(frozen=True)
class Canvas:
    """Tissue ids (z, y, x) uint8, the standard-body coordinates of every voxel, and the size of a voxel."""

    tissue: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    axes_zyx: tuple[np.ndarray, np.ndarray, np.ndarray]  # the coordinates before rotation and warping
    voxel_ml: float
    margin_mm: float = 24.0
    """By how much a shape may lie outside its box along the axes, through rotation and warping."""

    @property
    def spacing_mm(self) -> float:
        """Size of a voxel."""
        return 10 * self.voxel_ml ** (1 / 3)

    def slices(self, center_xyz, half_size_xyz) -> tuple[slice, slice, slice]:
        """Where a box lies in the arrays, with the margin."""
        center, half = np.asarray(center_xyz, float)[::-1], np.asarray(half_size_xyz, float)[::-1] + self.margin_mm
        ends = zip(self.axes_zyx, center - half, center + half, strict=True)
        return tuple(slice(*np.searchsorted(axis, (low, high))) for axis, low, high in ends)

    def part(self, slices: tuple[slice, slice, slice]) -> "Canvas":
        """A view of a part; painting on it paints on the whole."""
        axes = tuple(axis[s] for axis, s in zip(self.axes_zyx, slices, strict=True))
        part = (array[slices] for array in (self.tissue, self.x, self.y, self.z))
        return Canvas(*part, axes, self.voxel_ml, self.margin_mm)

    def box(self, center_xyz, half_size_xyz) -> "Canvas":
        """A view of the box around a point, with the usual margin."""
        return self.part(self.slices(center_xyz, half_size_xyz))

    def along(self, points_xyz, radius_mm: float) -> "Canvas":
        """A view of the box around a line of points."""
        low, high = np.min(points_xyz, axis=0), np.max(points_xyz, axis=0)
        return self.box((low + high) / 2, (high - low) / 2 + radius_mm)

    def paint(self, mask: np.ndarray, tissue: str, over: tuple[str, ...] = ()) -> None:
        """Set the tissue in a mask; with `over`, only where one of these tissues is."""
        if over:
            mask = mask.copy()
            mask[mask] = _one_of(over)[self.tissue[mask]]
        self.tissue[mask] = ID[tissue]

    def isin(self, names: tuple[str, ...]) -> np.ndarray:
        """Mask of the voxels that are one of the named tissues."""
        return _one_of(names)[self.tissue]

    def unlabeled_mask(self) -> np.ndarray:
        """Mask of the voxels that belong to none of the twelve organs."""
        return LABEL_OF_TISSUE[self.tissue] == 0


def _one_of(names: tuple[str, ...]) -> np.ndarray:
    lookup = np.zeros(256, bool)
    lookup[[ID[name] for name in names]] = True
    return lookup


def rotation(x_deg: float = 0.0, y_deg: float = 0.0, z_deg: float = 0.0) -> np.ndarray:
    """Matrix that turns about x, then y, then z."""
    cx, cy, cz = np.cos(np.deg2rad((x_deg, y_deg, z_deg)))
    sx, sy, sz = np.sin(np.deg2rad((x_deg, y_deg, z_deg)))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def ellipsoid(canvas: Canvas, center_xyz, half_axes_xyz, turn: np.ndarray | None = None) -> np.ndarray:
    """Distance from the center in units of the surface's: below 1 inside. `turn` takes the axes to the body's."""
    offsets = [a - np.float32(c) for a, c in zip((canvas.x, canvas.y, canvas.z), center_xyz, strict=True)]
    total = np.zeros(canvas.tissue.shape, np.float32)
    for axis, half in enumerate(half_axes_xyz):
        along = offsets[axis] if turn is None else sum(np.float32(turn[i, axis]) * offsets[i] for i in range(3))
        total += np.square(along / np.float32(half))
    return np.sqrt(total)


def tube(canvas: Canvas, points_xyz, radii_mm, reach_mm: float = 0.0) -> np.ndarray:
    """Depth in mm below the surface of a tube through the points, with radii that vary linearly.

    Negative outside; known down to -`reach_mm`, and minus infinity beyond.
    """
    points = np.asarray(points_xyz, np.float32)
    radii = np.broadcast_to(np.asarray(radii_mm, np.float32), len(points))
    depth = np.full(canvas.tissue.shape, -np.inf, np.float32)
    for i in range(len(points) - 1):
        middle, half = (points[i] + points[i + 1]) / 2, np.abs(points[i + 1] - points[i]) / 2 + radii[i : i + 2].max()
        where = canvas.slices(middle, half + reach_mm)
        np.maximum(depth[where], _segment(canvas.part(where), points[i : i + 2], radii[i : i + 2]), out=depth[where])
    return depth


def paint_tube(canvas: Canvas, points_xyz, radii_mm, tissue: str, over: tuple[str, ...] = ()) -> None:
    """Paint a tube; with `over`, only where one of these tissues is."""
    view = canvas.along(points_xyz, np.max(radii_mm))
    view.paint(tube(view, points_xyz, radii_mm) > 0, tissue, over)


def _segment(canvas: Canvas, ends: np.ndarray, radii: np.ndarray) -> np.ndarray:
    offset = [axis - start for axis, start in zip((canvas.x, canvas.y, canvas.z), ends[0], strict=True)]
    along = ends[1] - ends[0]
    t = sum(o * a for o, a in zip(offset, along, strict=True)) / np.sum(along * along)
    t = np.clip(t, 0, 1)
    squared = sum(np.square(o - t * a) for o, a in zip(offset, along, strict=True))
    return radii[0] + t * (radii[1] - radii[0]) - np.sqrt(squared)


def curve(points_xyz, n_points: int) -> np.ndarray:
    """Points (n, 3) along a smooth curve through the given ones (natural cubic spline)."""
    points = np.asarray(points_xyz, float)
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    return CubicSpline(length, points, bc_type="natural")(np.linspace(0, length[-1], n_points))


def level_set(level: np.ndarray, allowed_mask: np.ndarray, n_voxels: int) -> np.ndarray:
    """Mask of the `n_voxels` allowed voxels of lowest level (of all, if there are fewer)."""
    candidates = level[allowed_mask]
    if len(candidates) <= n_voxels:
        return allowed_mask
    return allowed_mask & (level <= np.partition(candidates, n_voxels - 1)[n_voxels - 1])


def wobble(view: Canvas, rng: np.random.Generator, center, half: float, amount: float) -> np.ndarray:
    """Surface irregularity: a smooth field of the organ's own, on the scale of its parts."""
    lo, hi = np.asarray(center, float) - half - 40, np.asarray(center, float) + half + 40
    return amount * SmoothField(rng, lo[::-1], hi[::-1], 0.7 * half)(view.axes_zyx)
