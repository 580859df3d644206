"""Closed contours as voxels of a grid: a voxel belongs to an ROI where its center lies in the contours, or on one of them.

Contours are (n, 3) arrays of continuous voxel indices (x, y, z) of that grid. In one plane they count by parity, so that a
contour within another one is a hole, an island in the hole is filled, and the channel of a keyhole has no width.
"""

from collections import defaultdict

import numpy as np
from scipy import ndimage

from nnunetv2_muduo.imageio.refusal import CaseRefused

ON_CONTOUR_PIXELS = 0.01
"""So close to a contour is on it; coordinates are often rounded to 0.01 mm. Many programs draw through voxel centers."""
FLAT_SLICES = 0.5
"""A contour that leaves its slice by more than this lies in no slice."""
SAME_PLANE_SLICES = 0.05
"""Contours closer than this lie in one plane."""


def fill(outlines: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels [rows, columns] of one slice that lie in closed outlines, (n, 2) arrays of continuous (column, row)."""
    starts = np.concatenate(outlines)
    ends = np.concatenate([np.roll(outline, -1, axis=0) for outline in outlines])
    n_crossings = np.zeros((shape[0], shape[1] + 1), np.int32)
    low, high = np.sort([starts[:, 1], ends[:, 1]], axis=0)
    edges, rows = _steps(np.ceil(low), np.ceil(high), shape[0])  # a row through a vertex belongs to one of two edges
    columns = _crossing(starts[edges], ends[edges], rows)
    np.add.at(n_crossings, (rows, np.clip(np.ceil(columns), 0, shape[1]).astype(int)), 1)
    inside = np.cumsum(n_crossings, axis=1)[:, :-1] % 2 == 1
    return inside | _on_edges(starts, ends, shape) | _on_edges(starts[:, ::-1], ends[:, ::-1], shape[::-1]).T


def _steps(first: np.ndarray, after_last: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(number of the range, whole number) for each of the whole numbers from 0 to n - 1 in ranges."""
    first, after_last = np.clip(first, 0, n).astype(int), np.clip(after_last, 0, n).astype(int)
    lengths = np.maximum(after_last - first, 0)
    ranges = np.repeat(np.arange(len(first)), lengths)
    return ranges, np.arange(len(ranges)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + first[ranges]


def _crossing(starts: np.ndarray, ends: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Column in which edges cross rows; of edges along a row, where they start."""
    heights = ends[:, 1] - starts[:, 1]
    along = np.divide(rows - starts[:, 1], heights, out=np.zeros(len(rows)), where=heights != 0)
    return starts[:, 0] + np.clip(along, 0, 1) * (ends[:, 0] - starts[:, 0])


def _on_edges(starts: np.ndarray, ends: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels [rows, columns] whose centers edges pass through, found row by row."""
    low, high = np.sort([starts[:, 1], ends[:, 1]], axis=0)
    edges, rows = _steps(np.ceil(low - ON_CONTOUR_PIXELS), np.floor(high + ON_CONTOUR_PIXELS) + 1, shape[0])
    columns = _crossing(starts[edges], ends[edges], rows)
    nearest = np.rint(columns).astype(int)
    hit = (np.abs(columns - nearest) < ON_CONTOUR_PIXELS) & (nearest >= 0) & (nearest < shape[1])
    mask = np.zeros(shape, bool)
    mask[rows[hit], nearest[hit]] = True
    return mask


def rasterize(contours: list[np.ndarray], size: tuple[int, int, int]) -> tuple[np.ndarray, int]:
    """(voxels [z, y, x] of an ROI, number of its contours that lie beside the grid); `size` is (x, y, z).

    Contours may lie in the planes of any index axis. Raises CaseRefused where they lie in no slice.
    """
    axis = slice_axis(contours)
    in_plane = [i for i in range(3) if i != axis]
    planes, n_beside = _planes_by_slice(contours, axis, size[axis])
    mask = np.zeros(size[::-1], bool)
    mask_xyz = mask.T
    for number, of_slice in planes.items():
        part = _slice_mask([[contour[:, in_plane] for contour in plane] for plane in of_slice], size, in_plane)
        mask_xyz[(slice(None),) * axis + (number,)] = part
    if not mask.any():
        _mark_points([contour for of_slice in planes.values() for plane in of_slice for contour in plane], mask_xyz)
    return mask, n_beside


def slice_axis(contours: list[np.ndarray]) -> int:
    """Index axis across which all contours are flat. Raises CaseRefused where there is none."""
    spread = np.max([np.ptp(contour, axis=0) for contour in contours], axis=0)
    axis = min((2, 1, 0), key=lambda i: np.round(spread[i], 3))
    if spread[axis] > FLAT_SLICES:
        raise CaseRefused(f"a contour leaves its slice by {spread[axis]:.2g} slices: it lies in no slice of the image")
    return axis


def distances_to_slices(contours: list[np.ndarray]) -> np.ndarray:
    """How far each contour lies from the nearest slice, as a share of the slices' distance."""
    axis = slice_axis(contours)
    places = np.array([contour[:, axis].mean() for contour in contours])
    return np.abs(places - np.rint(places))


def _planes_by_slice(contours: list[np.ndarray], axis: int, n_slices: int) -> tuple[dict[int, list], int]:
    """(contours by their plane, by the slice that is nearest to it, the nearest plane first; contours beside the grid)."""
    slices, n_beside, before = defaultdict(list), 0, -np.inf
    planes: list[tuple[float, list]] = []
    for place, contour in sorted(((one[:, axis].mean(), one) for one in contours), key=lambda pair: pair[0]):
        if place - before > SAME_PLANE_SLICES:
            planes.append((place, []))
        planes[-1][1].append(contour)
        before = place
    for place, plane in sorted(planes, key=lambda pair: abs(pair[0] - np.rint(pair[0]))):
        number = int(np.rint(place))
        if 0 <= number < n_slices:
            slices[number].append(plane)
        else:
            n_beside += len(plane)
    return slices, n_beside


def _slice_mask(planes: list[list[np.ndarray]], size: tuple[int, int, int], in_plane: list[int]) -> np.ndarray:
    """Pixels [first axis, second axis] of a slice.

    The nearest plane counts. Of further ones only parts that it doesn't touch do: planes that are finer than the slices
    make nothing thicker, and what is small is not lost.
    """
    ends = np.array([size[i] for i in in_plane])
    mask = np.zeros(ends[::-1], bool)
    for plane in planes:
        points = np.concatenate(plane)
        low, high = (
            np.clip(corner, 0, ends).astype(int) for corner in (np.floor(points.min(0)), np.ceil(points.max(0)) + 1)
        )
        box = mask[low[1] : high[1], low[0] : high[0]]
        parts, _ = ndimage.label(fill([outline - low for outline in _without_copies(plane)], box.shape))
        box |= (parts > 0) & ~np.isin(parts, parts[box])
    return mask.T


def _without_copies(outlines: list[np.ndarray]) -> list[np.ndarray]:
    """An outline that is there twice counts once; by parity the two would be nothing."""
    return list({tuple(sorted(map(tuple, np.round(outline, 3)))): outline for outline in outlines}.values())


def _mark_points(contours: list[np.ndarray], mask: np.ndarray) -> None:
    """An ROI that holds no voxel's center is the voxels [x, y, z] in which its contours lie."""
    points = np.rint(np.concatenate([np.zeros((0, 3)), *contours])).astype(int)
    points = points[((points >= 0) & (points < mask.shape)).all(1)]
    mask[tuple(points.T)] = True
