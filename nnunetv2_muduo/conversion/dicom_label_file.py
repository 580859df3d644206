"""Files that hold labels of a DICOM series: what segmentations and RTSTRUCTs have in common."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.dicom import DicomSeries
from nnunetv2_muduo.conversion.dicom_slices import sorted_slices
from nnunetv2_muduo.conversion.dicom_tags import import_pydicom
from nnunetv2_muduo.conversion.named_labels import WantedLabel
from nnunetv2_muduo.imageio.grid import Grid
from nnunetv2_muduo.imageio.refusal import CaseRefused


@dataclass(frozen=True)
class DicomLabelFile:
    """One file with labels; they come with their names (see `named_masks`), and their values mean something in it alone."""

    path: Path
    images: tuple[DicomSeries, ...] = ()
    """Series on which the labels may have been drawn, the most likely one first."""
    wanted: tuple[WantedLabel, ...] = ()
    """Labels to take, those that lie on top last; none: all."""

    can_stand_as_it_is = False
    kind = ""

    def __str__(self) -> str:
        return str(self.path)

    def file_stamps(self) -> list[list]:
        """Stamps of the file, of the names that are taken from it, and of the images whose grid it needs."""
        stat = self.path.stat()
        own = [str(self), stat.st_size, stat.st_mtime_ns, [str(label) for label in self.wanted]]
        return [own, *(stamp for image in self.images for stamp in image.file_stamps())]

    def read_with_hash(self) -> tuple[sitk.Image, str]:
        """(label map, SHA-256 of the file). Raises CaseRefused."""
        data = self.path.read_bytes()
        try:
            image = self._label_map(import_pydicom().dcmread(io.BytesIO(data)))
        except CaseRefused as error:
            raise CaseRefused(f"{self}: {error}") from error
        except Exception as error:  # pydicom has no error of its own for damage; any may come
            raise CaseRefused(f"{self}: {self.kind} can't be read ({type(error).__name__}: {error})") from error
        return image, hashlib.sha256(data).hexdigest()

    def read(self) -> sitk.Image:
        return self.read_with_hash()[0]

    def _label_map(self, dataset) -> sitk.Image:
        raise NotImplementedError


def grid_of_series(series: DicomSeries) -> Grid:
    """Grid of a series from its headers alone. Raises CaseRefused where it is no evenly spaced volume."""
    read = import_pydicom().dcmread
    headers = [(path, read(path, stop_before_pixels=True)) for path in series.files]
    slices = [dataset for _, dataset in sorted_slices(headers, series.modality)]
    places_mm = np.array([one.ImagePositionPatient for one in slices], float)
    step_mm = np.linalg.norm(places_mm[-1] - places_mm[0]) / (len(slices) - 1)
    first = slices[0]
    size = int(first.Columns), int(first.Rows), len(slices)
    return stack_grid(size, first.PixelSpacing, step_mm, places_mm[0], first.ImageOrientationPatient)


def stack_grid(size: tuple[int, int, int], pixel_mm, step_mm: float, origin_mm, orientation) -> Grid:
    """Grid of a stack of slices; `pixel_mm` (row, column) and `orientation` (6 cosines) as DICOM has them."""
    row, column = np.reshape(np.asarray(orientation, float), (2, 3))
    direction = np.stack([row, column, np.cross(row, column)], 1).ravel().tolist()
    spacing_mm = float(pixel_mm[1]), float(pixel_mm[0]), float(step_mm)
    return Grid(size, spacing_mm, tuple(map(float, origin_mm)), tuple(direction))
