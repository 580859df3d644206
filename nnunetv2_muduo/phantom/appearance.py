"""Images of a tissue map: CT in HU and PET in SUV, with texture, blur and noise."""

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from nnunetv2_muduo.phantom.anatomy import ScanGrid
from nnunetv2_muduo.phantom.fields import SmoothField
from nnunetv2_muduo.phantom.patient import Study
from nnunetv2_muduo.phantom.tissues import TISSUES, Tissue

SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))


def ct_image(
    tissue: np.ndarray, study: Study, grid: ScanGrid, rng: np.random.Generator, tissues: tuple[Tissue, ...] = TISSUES
) -> np.ndarray:
    """CT in HU (z, y, x) float32: density per tissue, texture, blur of the resampling, noise; -1024 is the least.

    tissue: indices into `tissues`, (z, y, x).
    """
    z_scores = _group_scores(rng, tissues)
    means = [t.hu + t.hu_sd * s + t.contrast_hu * study.contrast for t, s in zip(tissues, z_scores, strict=True)]
    ct_hu = _lookup(means, tissue)
    texture = _texture(rng, grid, 9.0)
    ct_hu += _lookup([t.hu_texture for t in tissues], tissue) * texture
    lung = _lookup([t.group == "lung" for t in tissues], tissue)
    front_to_back = grid.axes_zyx[1].astype(np.float32)[None, :, None]
    ct_hu += lung * (0.35 * front_to_back + 220 * np.maximum(texture - 1.3, 0))  # denser where it lies; vessels
    ct_hu = gaussian_filter(ct_hu, study.ct_fwhm_mm * SIGMA_PER_FWHM / grid.spacing_mm, truncate=3)
    noise_hu = _lookup([study.ct_noise_hu * (0.4 if t.name == "air" else 1) for t in tissues], tissue)
    ct_hu += noise_hu * _noise(rng, tissue.shape, 0.8)  # resampling leaves neighbors correlated
    return np.maximum(ct_hu, -1024, out=ct_hu)


def pet_image(
    tissue: np.ndarray,
    study: Study,
    grid: ScanGrid,
    rng: np.random.Generator,
    variation: float,
    tissues: tuple[Tissue, ...] = TISSUES,
) -> np.ndarray:
    """PET in SUV (z, y, x) float32: uptake per tissue, heterogeneity, breathing, scanner resolution, noise; never negative.

    tissue: indices into `tissues`, (z, y, x). variation: of the uptake between studies, 1 as in FDG.
    """
    z_scores = _group_scores(rng, tissues)
    body = np.exp(0.06 * variation * np.clip(rng.standard_normal(), -2, 2))
    means = [body * t.suv * np.exp(variation * t.suv_log_sd * s) for t, s in zip(tissues, z_scores, strict=True)]
    activity = _lookup(means, tissue)
    activity *= 1 + _lookup([t.suv_texture for t in tissues], tissue) * _texture(rng, grid, 16.0)
    if study.breathing_mm:
        activity = _breathe(activity, study.breathing_mm, grid)
    sigma = study.pet_fwhm_mm * SIGMA_PER_FWHM / grid.spacing_mm
    pet_suv = gaussian_filter(np.maximum(activity, 0), sigma, truncate=3)
    pet_suv += study.pet_noise * np.sqrt(pet_suv) * _noise(rng, tissue.shape, sigma)
    return np.maximum(pet_suv, 0, out=pet_suv)


def _group_scores(rng: np.random.Generator, tissues: tuple[Tissue, ...]) -> np.ndarray:
    """One standard normal number per tissue, cut at 2, the same for the tissues of a group."""
    scores = {}
    for tissue in tissues:
        score = np.clip(rng.standard_normal(), -2, 2)
        scores.setdefault(tissue.group or tissue.name, score)
    return np.array([scores[t.group or t.name] for t in tissues])


def _lookup(values, tissue: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)[tissue]


def _texture(rng: np.random.Generator, grid: ScanGrid, length_mm: float) -> np.ndarray:
    lo, hi = zip(*((axis[0], axis[-1]) for axis in grid.axes_zyx), strict=True)
    return SmoothField(rng, lo, hi, length_mm)(grid.axes_zyx)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], sigma_voxels: float) -> np.ndarray:
    """Gaussian noise of standard deviation 1 whose neighbors are correlated over about `sigma_voxels`."""
    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma_voxels, truncate=3)
    impulse = np.zeros(2 * int(3 * sigma_voxels + 0.5) + 3)
    impulse[len(impulse) // 2] = 1
    kernel = gaussian_filter1d(impulse, sigma_voxels, truncate=3)
    return noise / np.float32(np.sum(kernel**2) ** 1.5)


def _breathe(activity: np.ndarray, shift_mm: float, grid: ScanGrid) -> np.ndarray:
    """Move the slices around the diaphragm along z, as a PET taken over minutes shows them."""
    z = grid.axes_zyx[0]
    source = (z + shift_mm * np.exp(-((z / 90) ** 2)) - z[0]) / grid.spacing_mm
    below = np.clip(source.astype(int), 0, len(z) - 2)
    weight = np.clip(source - below, 0, 1).astype(np.float32)[:, None, None]
    return (1 - weight) * activity[below] + weight * activity[below + 1]
