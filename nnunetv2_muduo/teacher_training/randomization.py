"""Domain randomization of training crops: scanners, bodies and tracers that the training's images do not show.

Every function takes an image [a, b, c] in HU or SUV and returns a new one; amounts are drawn anew for each crop. Beyond the
published recipe, which has flips alone.
"""

import numpy as np
from scipy import ndimage

AIR_HU, METAL_HU = -1000.0, 3000.0
_BODY_HU = -500.0  # above it, tissue
_BODY_SUV = 0.2


def randomize(image: np.ndarray, labels: np.ndarray, modality: str, rng: np.random.Generator) -> np.ndarray:
    """A crop as another scanner might show another patient: changed at random by what suits the modality.

    Args:
        image: HU ("ct") or SUV ("pet"), float32 [a, b, c]; labels: organ labels of the same shape.
    """
    change = randomize_ct if modality == "ct" else randomize_pet
    return change(image.astype(np.float32), labels, rng).astype(np.float32)


def randomize_ct(image_hu: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Organs of other density (contrast medium among it), uneven tissue, gas, metal, noise, resolution, and cut-off parts."""
    body = image_hu > _BODY_HU
    changed = image_hu * rng.normal(1, 0.05) + rng.normal(0, 10)
    tissue_hu = rng.uniform(0, 35) * smooth_field(image_hu.shape, rng)
    changed += body * (_of_organs(labels, rng.normal(0, 30, 256), rng) + tissue_hu)
    if rng.random() < 0.3:
        changed[ball(image_hu.shape, rng, (1, 3)) & body & (labels == 0)] = rng.uniform(-950, -300)  # gas
    if rng.random() < 0.05:
        changed = with_metal(changed, body, rng)
    changed = _as_scanned(changed, rng, noise=rng.uniform(0, 25))
    return within_field_of_view(changed, rng, AIR_HU) if rng.random() < 0.1 else changed


def randomize_pet(image_suv: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Organs of other uptake (as other tracers have), hot lesions, uneven tissue, counts, resolution, and a cut body."""
    body = image_suv > _BODY_SUV
    uneven = rng.uniform(0, 0.25) * smooth_field(image_suv.shape, rng)
    changed = image_suv * np.exp(_of_organs(labels, rng.normal(0, 0.5, 256), rng) + uneven + rng.normal(0, 0.25))
    if rng.random() < 0.4:
        for _ in range(rng.integers(1, 5)):
            changed[ball(image_suv.shape, rng, (0.6, 2.2)) & body] = rng.uniform(4, 20)
    noise = rng.uniform(0, 0.15) * np.sqrt(np.maximum(changed, 0))  # as counts have it
    return np.maximum(_as_scanned(changed, rng, noise), 0)


def smooth_field(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise of about unit variance without sharp edges, its cells of one random size."""
    n_cells = rng.integers(3, 9)
    cells = rng.standard_normal((n_cells,) * 3)
    field = ndimage.zoom(cells, [size / n_cells for size in shape], order=1)
    return field / max(field.std(), 1e-6)


def ball(shape: tuple[int, ...], rng: np.random.Generator, radii_voxels: tuple[float, float]) -> np.ndarray:
    """Mask of a ball anywhere in the crop."""
    center, radius = rng.uniform(0, shape), rng.uniform(*radii_voxels)
    places = np.ogrid[tuple(map(slice, shape))]
    return sum((axis - at) ** 2 for axis, at in zip(places, center, strict=True)) <= radius**2


def within_field_of_view(image: np.ndarray, rng: np.random.Generator, outside: float) -> np.ndarray:
    """A scan whose round field of view, along the last axis, ends somewhere in the crop."""
    n_x, n_y = image.shape[:2]
    center, radius = rng.uniform(0.2, 0.8, 2) * (n_x, n_y), rng.uniform(0.35, 0.6) * n_x
    x, y = np.ogrid[:n_x, :n_y]
    is_inside = (x - center[0]) ** 2 + (y - center[1]) ** 2 <= radius**2
    return np.where(is_inside[..., None], image, outside)


def with_metal(image_hu: np.ndarray, body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An implant in the body, with streaks of its slice."""
    inside = np.argwhere(body)
    if not len(inside):
        return image_hu
    x, y, z = inside[rng.integers(len(inside))]
    changed = image_hu.copy()
    angle = np.arctan2(*np.ogrid[-y : image_hu.shape[1] - y, -x : image_hu.shape[0] - x]).T  # of the plane (x, y)
    streaks = rng.uniform(100, 400) * np.cos(rng.integers(3, 9) * angle + rng.uniform(0, 2 * np.pi))
    changed[:, :, z] += streaks
    changed[x, y, z] = METAL_HU
    return changed


def _of_organs(labels: np.ndarray, amounts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An amount for every voxel: that of its organ, for half of the organs; background keeps its own."""
    chosen = amounts * (rng.random(len(amounts)) < 0.5)
    chosen[0] = 0
    return chosen[labels]


def _as_scanned(image: np.ndarray, rng: np.random.Generator, noise) -> np.ndarray:
    """Blurred (in a third of the crops), noisy, and cut off at a random side (in a seventh)."""
    if rng.random() < 0.33:
        image = ndimage.gaussian_filter(image, rng.uniform(0.2, 0.7, 3))  # slices are thicker or thinner than pixels
    image = image + noise * rng.standard_normal(image.shape)
    if rng.random() < 0.15:
        axis, depth = rng.integers(3), rng.integers(1, max(2, image.shape[0] // 3))
        cut = [slice(None)] * 3
        cut[axis] = slice(0, depth) if rng.random() < 0.5 else slice(-depth, None)
        image[tuple(cut)] = 0  # as patches are filled up where an image ends
    return image
