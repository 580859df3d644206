"""Robot users who draw: strokes in the largest error, in the slice where it is largest, as autoPET V simulates them."""

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist
from skimage.draw import line
from skimage.graph import MCP, route_through_array
from skimage.morphology import skeletonize

_TOUCHING = np.ones((3, 3, 3))  # voxels that share a face, an edge or a corner
CUT_PART, CUT_FROM = 0.1, 10  # of each end of a center line of more than ten voxels
BORDER_PART = 0.2  # of the border's voxels
_OFF_THE_LINE = 1000.0


def scribble(error_mask: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Voxels (z, y, x) [n, 3] of one stroke, in its order, all inside the error; none where there is no error.

    Args:
        error_mask: boolean (z, y, x), turned to LPS; strokes lie in axial slices.
        kind: `center` (along the middle), `random` (a straight line), or `border`.
    """
    if not error_mask.any():
        return np.empty((0, 3), int)
    parts, _ = ndimage.label(error_mask, _TOUCHING)
    largest = parts == np.bincount(parts[error_mask]).argmax()
    z = int(largest.sum((1, 2)).argmax())
    stroke = _STROKES[kind](_largest_piece(largest[z]), rng)
    return np.column_stack([np.full(len(stroke), z), stroke])


def _largest_piece(slice_mask: np.ndarray) -> np.ndarray:
    """What a stroke can be drawn in without leaving the slice's mask."""
    pieces, _ = ndimage.label(slice_mask, _TOUCHING[0])
    return pieces == np.bincount(pieces[slice_mask]).argmax()


def _center_line(piece: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Between the two ends of the skeleton that are farthest apart, a little shorter."""
    skeleton = skeletonize(piece)
    places = np.argwhere(skeleton)
    if len(places) < 2:
        return np.argwhere(piece)
    ends = np.unravel_index(cdist(places, places).argmax(), (len(places),) * 2)
    costs = np.where(skeleton, 1.0, np.where(piece, _OFF_THE_LINE, -1.0))  # negative: never
    path = np.array(route_through_array(costs, *places[list(ends)])[0])
    n_cut = int(CUT_PART * len(path)) if len(path) > CUT_FROM else 0
    return path[n_cut : len(path) - n_cut]


def _straight_line(piece: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Between two voxels, as far as it lies inside."""
    places = np.argwhere(piece)
    start, end = places[rng.integers(len(places), size=2)]
    path = np.column_stack(line(*start, *end))
    return path[piece[tuple(path.T)]]


def _border_line(piece: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Along a fifth of the border, from anywhere on it."""
    border = piece & ~ndimage.binary_erosion(piece)
    places = np.argwhere(border)
    start = places[rng.integers(len(places))]
    search = MCP(np.where(border, 1.0, -1.0))
    lengths, _ = search.find_costs([start])
    wanted = max(2, int(BORDER_PART * len(places)))
    end = places[np.abs(lengths[tuple(places.T)] - wanted).argmin()]
    return np.array(search.traceback(end))


_STROKES = {"center": _center_line, "random": _straight_line, "border": _border_line}
