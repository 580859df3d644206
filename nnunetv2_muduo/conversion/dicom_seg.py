"""Reader of binary DICOM segmentation objects as label maps."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.dicom import import_pydicom
from nnunetv2_muduo.imageio.refusal import CaseRefused
from nnunetv2_muduo.storage import file_stamp


@dataclass(frozen=True)
class SegFile:
    """One DICOM SEG file; the value of a label is its segment number."""

    path: Path

    can_stand_as_it_is = False

    def __str__(self) -> str:
        return str(self.path)

    def file_stamps(self) -> list[list]:
        return [file_stamp(self.path, str(self))]

    def read_with_hash(self) -> tuple[sitk.Image, str]:
        """(label map on the segmentation's own grid, SHA-256 of the file). Raises CaseRefused."""
        pydicom = import_pydicom()
        try:
            dataset = pydicom.dcmread(self.path)
            image = label_map(dataset)
        except (pydicom.errors.InvalidDicomError, EOFError, ValueError, AttributeError) as error:
            raise CaseRefused(f"{self}: segmentation can't be read ({error})") from error
        return image, hashlib.sha256(self.path.read_bytes()).hexdigest()

    def read(self) -> sitk.Image:
        return self.read_with_hash()[0]


def label_map(dataset) -> sitk.Image:
    """Label map (uint8) of a pydicom SEG data set; frames that are left out are background.

    Raises CaseRefused for fractional, overlapping or tilted segmentations.
    """
    if dataset.get("SegmentationType", "BINARY") != "BINARY":
        raise CaseRefused(f"SegmentationType (0062,0001) is {dataset.SegmentationType}, only BINARY is read")
    frames = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    places_mm = np.array(
        [_functional(dataset, i, "PlanePosition").ImagePositionPatient for i in range(len(frames))], float
    )
    row, column = np.reshape(
        np.asarray(_functional(dataset, 0, "PlaneOrientation").ImageOrientationPatient, float), (2, 3)
    )
    normal = np.cross(row, column)
    measures = _functional(dataset, 0, "PixelMeasures")
    slices, step_mm = _slice_numbers(places_mm @ normal, measures)
    volume = np.zeros((slices.max() + 1, dataset.Rows, dataset.Columns), np.uint8)
    for number, frame, index in zip(slices, frames, range(len(frames)), strict=True):
        segment = _functional(dataset, index, "SegmentIdentification").ReferencedSegmentNumber
        if (volume[number][frame > 0] > 0).any():
            raise CaseRefused("segments overlap, which a label map can't hold")
        volume[number][frame > 0] = segment
    image = sitk.GetImageFromArray(volume)
    row_mm, column_mm = map(float, measures.PixelSpacing)
    image.SetSpacing((column_mm, row_mm, step_mm))
    image.SetOrigin(places_mm[slices.argmin()].tolist())
    image.SetDirection(np.stack([row, column, normal], 1).ravel().tolist())
    return image


def _functional(dataset, index: int, group: str):
    """Item of a functional group: the frame's own, else the one all frames share."""
    keyword = f"{group}Sequence"
    for item in (dataset.PerFrameFunctionalGroupsSequence[index], dataset.SharedFunctionalGroupsSequence[0]):
        if keyword in item:
            return item[keyword].value[0]
    raise CaseRefused(f"no {keyword} for frame {index + 1}")


def _slice_numbers(along_mm: np.ndarray, measures) -> tuple[np.ndarray, float]:
    steps_mm = np.diff(np.unique(np.round(along_mm, 3)))
    step_mm = float(measures.get("SpacingBetweenSlices") or 0) or (
        float(steps_mm.min()) if len(steps_mm) else float(measures.SliceThickness)
    )
    numbers = (along_mm - along_mm.min()) / step_mm
    if np.abs(numbers - np.rint(numbers)).max() > 0.2:
        raise CaseRefused("the frames are not evenly spaced")
    return np.rint(numbers).astype(int), step_mm
