"""Lossless storage of one channel of an unlabeled case: the whole numbers that a scanner wrote, and their scales.

A scanner writes 16-bit numbers and a scale for each slice. What is made of them, SUV say, is float32 that hardly
compresses, but each slice still consists of whole multiples of one step. The step is found again and the multiples are
stored; the residual to the float32 values, if any, is stored as well. So nothing is lost, whatever the values are.
"""

from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2_muduo import storage

SEEN_HU = (-1000, 1000)  # what the CT teacher sees (docs/teachers.md)
AIR_HU, AIR_STEP_HU = -900, 16  # below the first there is air alone, where the noise of a CT is about the second
_MAX_MULTIPLE = np.iinfo(np.int16).max


def without_air_noise(ct_hu: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """CT clipped to what student and teacher see, and air that the student does not see rounded down to whole 16 HU.

    Args:
        ct_hu: CT in HU.
        lower, upper: bounds to which the student's normalization clips; its view stays exactly the same.
    """
    lowest = min(SEEN_HU[0], lower)
    ct_hu = np.clip(ct_hu, lowest, max(SEEN_HU[1], upper))
    rounded = np.maximum(np.floor(ct_hu / AIR_STEP_HU) * AIR_STEP_HU, lowest)
    return np.where(ct_hu < min(AIR_HU, lower), rounded, ct_hu)


def write_channel(volume: np.ndarray, path: Path, patch_size: list[int], slice_axis: int) -> dict[str, Any]:
    """Write a channel [a, b, c], float32 or float16, and return what `StoredChannel` needs to read it exactly.

    Args:
        path: the file, .b2nd; the residual goes beside it.
        slice_axis: axis of the volume along which the scanner's slices lie.
    """
    residual_path = residual_file(path)
    residual_path.unlink(missing_ok=True)
    if volume.dtype == np.float32 and _is_whole(volume):
        volume = volume.astype(np.int16)
    if volume.dtype != np.float32:
        storage.write_array(volume[None], path, patch_size)
        return {"slice_axis": slice_axis, "steps": None}
    slices = np.moveaxis(volume + np.float32(0), slice_axis, 0)  # + 0 makes -0 a 0, which has multiples
    steps = np.array([_step(one) for one in slices])
    multiples, residual = np.empty(slices.shape, np.int16), np.empty(slices.shape, np.int32)
    for i, (one, step) in enumerate(zip(slices, steps, strict=True)):  # slice by slice, so that it stays in the cache
        multiples[i] = _multiples(one, step)
        residual[i] = one.view(np.int32) - _products(multiples[i : i + 1], steps[i : i + 1], 0)[0].view(np.int32)
    if residual.any():
        small = np.abs(residual).max() <= np.iinfo(np.int8).max
        residual = np.moveaxis(residual.astype(np.int8 if small else np.int32), 0, slice_axis)
        storage.write_array(residual[None], residual_path, patch_size)
    storage.write_array(np.moveaxis(multiples, 0, slice_axis)[None], path, patch_size)
    return {"slice_axis": slice_axis, "steps": steps.tolist()}


class StoredChannel:
    """A channel [a, b, c] of `write_channel`, which reads like an array of float32; only what is asked for is read."""

    def __init__(self, path: Path, slice_axis: int, steps: list[float] | None):
        self._numbers = storage.StoredArray(path)
        self._residual = storage.StoredArray(residual_file(path)) if residual_file(path).is_file() else None
        self._slice_axis = slice_axis
        self._steps = None if steps is None else np.array(steps)
        self.shape = self._numbers.shape[1:]

    def __getitem__(self, region: tuple[slice, ...]) -> np.ndarray:
        numbers = self._numbers[(0, *region)]
        if self._steps is None:
            return numbers.astype(np.float32)
        values = _products(numbers, self._steps[region[self._slice_axis]], self._slice_axis)
        if self._residual is not None:
            values.view(np.int32)[:] += self._residual[(0, *region)]
        return values


def residual_file(path: Path) -> Path:
    """Where the residual of a channel's file is kept, if there is any."""
    return path.with_name(f"{path.stem}_lack{path.suffix}")


def _is_whole(volume: np.ndarray) -> bool:
    return bool(np.abs(volume).max() <= _MAX_MULTIPLE and np.array_equal(np.rint(volume), volume))


def _step(one_slice: np.ndarray) -> float:
    """The step of which all values are multiples, or the finest with which multiples have 16 bits."""
    values = np.unique(np.abs(one_slice)).astype(np.float64)
    values = values[values > 0]
    if not len(values):
        return 1.0
    finest = values[-1] / _MAX_MULTIPLE
    gaps = np.diff(values, prepend=0)
    step = gaps[gaps > finest / 2].min()
    for reach in 4.0 ** np.arange(1, 9):  # few multiples of a rough step are certain; with them it becomes less rough
        near = values[values <= reach * step]
        multiples = np.rint(near / step)
        step = near @ multiples / (multiples @ multiples) if multiples.any() else step
    step = _step_without_residual(values[values > step / 2], step)
    return step if values[-1] < (_MAX_MULTIPLE + 0.5) * step else finest


def _step_without_residual(values: np.ndarray, step: float) -> float:
    """A step near the given one whose multiples all round to the float32 values; the given one where there is none."""
    multiples = np.rint(values / step)
    half_unit = np.spacing(values.astype(np.float32)).astype(np.float64) / 2
    lowest, highest = ((values - half_unit) / multiples).max(), ((values + half_unit) / multiples).min()
    return (lowest + highest) / 2 if lowest < highest else step


def _multiples(one_slice: np.ndarray, step: float) -> np.ndarray:
    return np.rint(one_slice / step).clip(-_MAX_MULTIPLE, _MAX_MULTIPLE).astype(np.int16)


def _products(multiples: np.ndarray, steps: np.ndarray, slice_axis: int) -> np.ndarray:
    shape = [1, 1, 1]
    shape[slice_axis] = -1
    return (multiples * steps.reshape(shape)).astype(np.float32)
