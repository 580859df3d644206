"""Slices of one DICOM series, put in order along their normal, or the reason why they are no volume."""

from collections import Counter
from pathlib import Path

import numpy as np

from nnunetv2_muduo.conversion.dicom_tags import number_or_zero, required, required_numbers, tag_name
from nnunetv2_muduo.imageio.refusal import CaseRefused

SLICE_TOLERANCE = 0.2
"""Slices may be off an even spacing by this share of it; real scanners are off by a few percent where beds join."""
TILT_TOLERANCE = 0.01
"""Slices may move sideways by this share of their spacing."""
PIXEL_TOLERANCE = 0.001
"""Pixels of slices may differ in size by this share; headers are written with four digits or more."""
SAME_PLACE = 0.5
"""Slices closer than this share of the usual spacing are in one place."""
TIME_TAGS = (
    "TemporalPositionIdentifier",
    "TriggerTime",
    "FrameReferenceTime",
    "AcquisitionNumber",
    "AcquisitionDateTime",
    "AcquisitionTime",
)
"""What tells the frames of a dynamic or gated series apart, the surest first."""
FRAME_COUNTS = ("NumberOfTimeSlices", "NumberOfTemporalPositions", "NumberOfTimeSlots", "NumberOfRRIntervals")
"""What says that there are several, where nothing tells them apart."""
KIND_TAGS = (
    "SeriesDescription",
    "SeriesNumber",
    "ImageType",
    "ConvolutionKernel",
    "ReconstructionMethod",
    "SliceThickness",
    "Units",
    "KVP",
    "RescaleIntercept",
)
"""What tells two reconstructions or scans apart that are no time frames."""


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
    require_one_plane([dataset for _, dataset in datasets])
    row, column = np.reshape(np.asarray(datasets[0][1].ImageOrientationPatient, float), (2, 3))
    normal = np.cross(row, column)
    along_mm = {path: float(normal @ np.asarray(dataset.ImagePositionPatient, float)) for path, dataset in datasets}
    ordered = sorted(datasets, key=lambda pair: along_mm[pair[0]])
    require_one_slice_in_each_place(ordered, np.array([along_mm[path] for path, _ in ordered]))
    require_even_spacing(np.array([dataset.ImagePositionPatient for _, dataset in ordered], float), normal)
    require_all_slices([dataset for _, dataset in ordered])
    return ordered


def require_one_plane(datasets: list) -> None:
    """Raises CaseRefused where slices differ in direction, size or size of a pixel."""
    if len({tuple(np.round(dataset.ImageOrientationPatient, 4)) for dataset in datasets}) != 1:
        raise CaseRefused("slices of several orientations: ImageOrientationPatient (0020,0037)")
    sizes = sorted({(int(dataset.Rows), int(dataset.Columns)) for dataset in datasets})
    if len(sizes) > 1:
        raise CaseRefused(f"slices of several sizes, Rows (0028,0010) x Columns (0028,0011): {sizes}")
    pixel_mm = np.array([dataset.PixelSpacing for dataset in datasets], float)
    if np.ptp(pixel_mm, axis=0).max() > PIXEL_TOLERANCE * pixel_mm.min():
        raise CaseRefused("slices with pixels of several sizes: PixelSpacing (0028,0030)")


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
    n_frames = max(Counter(map(_place, datasets)).values())
    times, kinds = (
        [tag_name(tag) for tag in tags if one.get(tag) != other.get(tag)] for tags in (TIME_TAGS, KIND_TAGS)
    )
    if times and not kinds:
        return f"{n_frames} time frames, dynamic or gated, {times[0]} differs; keep one frame alone, or their mean"
    counted = [tag_name(tag) for tag in FRAME_COUNTS if max(number_or_zero(one, tag), number_or_zero(other, tag)) > 1]
    if counted and not kinds:
        return f"{n_frames} time frames, dynamic or gated, see {counted[0]}; keep one frame alone, or their mean"
    if path.read_bytes() == other_path.read_bytes() or _pixels(path) == _pixels(other_path):
        return "the same slice twice; remove the copies"
    return f"two series in one? They differ in {', '.join([*kinds, *times]) or 'their pixels alone'}; separate them"


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
    n_said = int(max(number_or_zero(dataset, "NumberOfSlices") for dataset in datasets))
    if n_said > len(datasets):
        raise CaseRefused(
            f"{n_said - len(datasets)} slices are missing: NumberOfSlices (0054,0081) is {n_said}, there are {len(datasets)}"
        )
