"""Slices of one DICOM series, put in order along their normal, or the reason why they are no volume."""

from collections import Counter
from pathlib import Path

import numpy as np

from nnunetv2_muduo.conversion.dicom_tags import number_or_zero, required, required_numbers
from nnunetv2_muduo.imageio.refusal import CaseRefused

SLICE_TOLERANCE = 0.2
"""Slices may be off an even spacing by this share of it; real scanners are off by a few percent where beds join."""
TILT_TOLERANCE = 0.01
"""Slices may move sideways by this share of their spacing."""
SAME_PLACE = 0.5
"""Slices closer than this share of the usual spacing are in one place."""
TIME_TAGS = (
    "TemporalPositionIdentifier",
    "TriggerTime",
    "FrameReferenceTime",
    "AcquisitionNumber",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "ContentTime",
)
"""What tells the frames of a dynamic or gated series apart, the surest first."""


def require_place(path: Path, dataset) -> None:
    """Raises CaseRefused where a slice's header doesn't say where in space the slice lies."""
    for keyword, n_values in (("ImageOrientationPatient", 6), ("ImagePositionPatient", 3), ("PixelSpacing", 2)):
        try:
            values = required_numbers(dataset, keyword)
        except CaseRefused as error:
            raise type(error)(f"{path.name}: {error}") from error
        if len(values) != n_values:
            raise CaseRefused(f"{path.name}: {keyword} has {len(values)} values, {n_values} expected")


def sorted_slices(datasets: list[tuple], modality: str) -> list[tuple]:
    """(path, data set) of one series along its normal. Raises CaseRefused unless they are one evenly spaced volume."""
    datasets = [(path, dataset) for path, dataset in datasets if dataset.get("Modality") == modality]
    series = {required(dataset, "SeriesInstanceUID") for _, dataset in datasets}
    if len(series) != 1:
        raise CaseRefused(f"one {modality} series expected, found {len(series)}")
    if any(int(dataset.get("NumberOfFrames") or 1) > 1 for _, dataset in datasets):
        raise CaseRefused("multi-frame (enhanced) DICOM is not supported; convert it to one file per slice")
    for path, dataset in datasets:
        require_place(path, dataset)
    if len({tuple(np.round(dataset.ImageOrientationPatient, 4)) for _, dataset in datasets}) != 1:
        raise CaseRefused("slices of several orientations: ImageOrientationPatient (0020,0037)")
    row, column = np.reshape(np.asarray(datasets[0][1].ImageOrientationPatient, float), (2, 3))
    normal = np.cross(row, column)
    along_mm = {path: float(normal @ np.asarray(dataset.ImagePositionPatient, float)) for path, dataset in datasets}
    ordered = sorted(datasets, key=lambda pair: along_mm[pair[0]])
    require_one_slice_in_each_place(ordered, np.array([along_mm[path] for path, _ in ordered]))
    require_even_spacing(np.array([dataset.ImagePositionPatient for _, dataset in ordered], float), normal)
    require_all_slices([dataset for _, dataset in ordered])
    return ordered


def require_one_slice_in_each_place(ordered: list[tuple], along_mm: np.ndarray) -> None:
    """Raises CaseRefused, with the reason, where slices (path, data set) in their order lie in one place."""
    steps_mm = np.diff(along_mm)
    apart = steps_mm > 0.01
    if not len(steps_mm) or (apart.all() and steps_mm.min() >= SAME_PLACE * np.median(steps_mm)):
        return
    first = int(steps_mm.argmin())
    pair = ordered[first : first + 2]
    reason = _why_repeated([dataset for _, dataset in ordered], pair)
    raise CaseRefused(f"several slices in one place, such as {pair[0][0].name} and {pair[1][0].name}: {reason}")


def _why_repeated(datasets: list, pair: list[tuple]) -> str:
    """What tells two slices in one place apart."""
    (path, one), (other_path, other) = pair
    if ("ATTN" in (one.get("CorrectedImage") or ())) != ("ATTN" in (other.get("CorrectedImage") or ())):
        return (
            "slices with and without attenuation correction, CorrectedImage (0028,0051); keep the corrected ones alone"
        )
    if path.read_bytes() == other_path.read_bytes() or _pixels(path) == _pixels(other_path):
        return "the same slice twice; remove the copies"
    for tag in TIME_TAGS:
        if one.get(tag) != other.get(tag):
            n_frames = max(Counter(map(_place, datasets)).values())
            return f"{n_frames} time frames, dynamic or gated ({tag} differs); keep one frame alone, or their mean"
    return "two series in one? Separate them"


def _place(dataset) -> tuple[float, ...]:
    return tuple(np.round(np.asarray(dataset.ImagePositionPatient, float), 1))


def _pixels(path: Path) -> bytes:
    from pydicom import dcmread

    return dcmread(path).PixelData


def require_even_spacing(positions_mm: np.ndarray, normal: np.ndarray) -> None:
    """Raises CaseRefused unless the (n, 3) slice positions are one straight, evenly spaced stack without gaps."""
    if len(positions_mm) < 2:
        raise CaseRefused("a single slice is no volume")
    along_mm = positions_mm @ normal
    even_mm = np.linspace(positions_mm[0], positions_mm[-1], len(positions_mm))
    step_mm = (along_mm[-1] - along_mm[0]) / (len(along_mm) - 1)
    if np.abs(along_mm - even_mm @ normal).max() > SLICE_TOLERANCE * step_mm:
        widest = int(np.diff(along_mm).argmax())
        raise CaseRefused(f"slices are missing between {along_mm[widest]:.1f} and {along_mm[widest + 1]:.1f} mm")
    tilt_mm = np.linalg.norm(np.cross(positions_mm[-1] - positions_mm[0], normal)) / (len(along_mm) - 1)
    if tilt_mm > TILT_TOLERANCE * step_mm:
        raise CaseRefused(f"sheared stack (gantry tilt?): every slice is shifted sideways by {tilt_mm:.3f} mm")


def require_all_slices(datasets: list) -> None:
    """Raises CaseRefused where a PET series says that it has more slices than there are.

    Only PET counts its slices reliably: ImagesInAcquisition of CT counts scouts and other reconstructions.
    """
    n_said = int(number_or_zero(datasets[0], "NumberOfSlices"))
    if n_said > len(datasets):
        raise CaseRefused(
            f"{n_said - len(datasets)} slices are missing: NumberOfSlices (0054,0081) is {n_said}, there are {len(datasets)}"
        )
