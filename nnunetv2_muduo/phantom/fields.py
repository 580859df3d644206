"""Smooth random fields: cubic B-splines on a coarse lattice of random coefficients, fixed in space whatever the grid."""

import numpy as np

_MEAN_SQUARED_WEIGHT = 151 / 315  # of a cubic B-spline, averaged over positions between two nodes


def _spline_weights(fraction: np.ndarray) -> np.ndarray:
    """Weights (n, 4) of the four nodes around positions that lie `fraction` of the way from the second to the third."""
    f = fraction
    weights = (1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3
    return (np.stack(weights, axis=1) / 6).astype(np.float32)


class SmoothField:
    """A random field of mean 0 and standard deviation 1 that varies over `length_mm`.

    lo_zyx, hi_zyx: the box in mm that it covers; beyond it the outermost nodes are repeated.
    """

    def __init__(self, rng: np.random.Generator, lo_zyx, hi_zyx, length_mm: float):
        self.origin_zyx, self.length_mm = np.asarray(lo_zyx, float), length_mm
        n_nodes = np.ceil((np.asarray(hi_zyx) - self.origin_zyx) / length_mm).astype(int) + 3
        nodes = rng.standard_normal(tuple(n_nodes), dtype=np.float32)
        self.nodes = nodes / np.float32(_MEAN_SQUARED_WEIGHT**1.5)

    def __call__(self, axes_zyx: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        """Values (z, y, x) float32 on the grid spanned by three one-dimensional axes in mm."""
        values = self.nodes
        for axis in (2, 1, 0):  # z last: its slices are contiguous, and that pass is the large one
            values = self._interpolate(values, axis, axes_zyx[axis])
        return values

    def _interpolate(self, values: np.ndarray, axis: int, positions_mm: np.ndarray) -> np.ndarray:
        n_intervals = self.nodes.shape[axis] - 3
        node = np.clip((positions_mm - self.origin_zyx[axis]) / self.length_mm, 0, n_intervals - 1e-6)
        first = node.astype(int)
        weights = _spline_weights(node - first)
        values = np.moveaxis(values, axis, 0)
        out = np.empty((len(first), *values.shape[1:]), np.float32)
        for i, (start, w) in enumerate(zip(first, weights, strict=True)):  # slice by slice stays in the cache
            out[i] = (
                w[0] * values[start] + w[1] * values[start + 1] + w[2] * values[start + 2] + w[3] * values[start + 3]
            )
        return np.moveaxis(out, 0, axis)
