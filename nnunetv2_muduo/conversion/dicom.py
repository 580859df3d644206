"""Reader of DICOM series: PET in SUVbw, CT in HU. Tags by pydicom, geometry and pixels by SimpleITK."""

import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.dicom_headers import read_headers
from nnunetv2_muduo.conversion.dicom_series import group_series
from nnunetv2_muduo.conversion.dicom_slices import sorted_slices
from nnunetv2_muduo.conversion.dicom_tags import MissingTag, import_pydicom, required
from nnunetv2_muduo.conversion.dicom_unread import add_unread
from nnunetv2_muduo.conversion.header_check import require_true_slopes
from nnunetv2_muduo.conversion.suv import Scaling, suv_scaling
from nnunetv2_muduo.imageio.image_files import is_of_macos
from nnunetv2_muduo.imageio.plausibility import require_possible_dose
from nnunetv2_muduo.imageio.refusal import CaseRefused

NOTE_KEY = "ITK_FileNotes"
"""Meta data that says how SUV came about; SimpleITK writes it into a NIfTI's description field."""
IN_BQML = "Bq/ml, not SUV"
"""How the note of a PET begins whose header does not suffice for SUV."""


def read_pet_suv(folder: Path | str, allow_bqml: bool = False) -> sitk.Image:
    """PET series of a folder as SUVbw (g/ml, float32) on its own grid.

    With `allow_bqml`, a series whose header lacks what SUV needs is returned as activity in Bq/ml. Raises CaseRefused
    (a ValueError) that names the missing tag, an uneven slice, a file that can't be read, or the series where there are
    several; FileNotFoundError for an empty folder.
    """
    files = [path for path in sorted(Path(folder).iterdir()) if path.is_file() and not is_of_macos(path.name)]
    if not files:
        raise FileNotFoundError(f"{folder} holds no files")
    headers, unread = read_headers(str(folder), list(map(str, files)))
    series, _ = add_unread(group_series(headers), unread)
    pets = [one for one in series if one.Modality == "PT"]
    for pet in pets:
        if pet.problem:
            raise CaseRefused(pet.problem)
    return PetSeries(tuple(path for pet in pets for path in pet.files) or tuple(files), allow_bqml).read()


@dataclass(frozen=True)
class DicomSeries:
    """The files of one series, in any order."""

    files: tuple[Path, ...]

    can_stand_as_it_is = False
    modality = "CT"

    def __str__(self) -> str:
        return f"{self.files[0].parent} ({len(self.files)} files)"

    def file_stamps(self) -> list[list]:
        """One stamp for all files: their number, total size and newest time."""
        stats = [path.stat() for path in self.files]
        return [[str(self.files[0]), len(stats), sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)]]

    def read_with_hash(self) -> tuple[sitk.Image, str]:
        """(image, SHA-256 over the files in the order of their names). Raises CaseRefused."""
        digest = hashlib.sha256()
        datasets = []
        for path in sorted(self.files):
            data = path.read_bytes()
            digest.update(data)
            datasets.append((path, _parse(data, path)))
        try:
            return self._read(sorted_slices(datasets, self.modality)), digest.hexdigest()
        except CaseRefused as error:
            raise type(error)(f"{self}: {error}") from error

    def read(self) -> sitk.Image:
        return self.read_with_hash()[0]

    def _read(self, slices: list[tuple]) -> sitk.Image:
        values = read_pixels(slices)
        array = sitk.GetArrayViewFromImage(values)
        return sitk.Cast(values, sitk.sitkInt16) if (array == np.rint(array)).all() else values


@dataclass(frozen=True)
class PetSeries(DicomSeries):
    """The files of one PET series; read as SUVbw."""

    allow_bqml: bool = False

    modality = "PT"

    def _read(self, slices: list[tuple]) -> sitk.Image:
        scaling = self._scaling([dataset for _, dataset in slices])
        activity = read_pixels(slices)
        require_true_slopes(sitk.GetArrayViewFromImage(activity))
        scaled = sitk.GetArrayViewFromImage(activity) * np.asarray(scaling.factors)[:, None, None]
        suv = sitk.GetImageFromArray(scaled.astype(np.float32))
        suv.CopyInformation(activity)
        for key, text in {NOTE_KEY: scaling.explanation, **scaling.facts()}.items():
            suv.SetMetaData(key, text)
        if scaling.weight_kg is not None:
            voxel_ml = math.prod(suv.GetSpacing()) / 1000
            require_possible_dose(sitk.GetArrayViewFromImage(suv), voxel_ml, scaling.weight_kg, "PET")
        return suv

    def _scaling(self, datasets: list) -> Scaling:
        try:
            return suv_scaling(datasets)
        except MissingTag as error:
            if not self.allow_bqml:
                raise MissingTag(f"{error}; --allow-bqml keeps such a PET in Bq/ml") from error
            return Scaling((1.0,) * len(datasets), f"{IN_BQML}: {error}")


def _parse(data: bytes, path: Path):
    pydicom = import_pydicom()
    try:
        dataset = pydicom.dcmread(io.BytesIO(data))
    except Exception as error:  # pydicom has no error of its own for damage; any may come
        raise CaseRefused(f"{path}: not DICOM, or damaged ({error})") from error
    if "PixelData" not in dataset:
        raise CaseRefused(f"{path}: no pixel data; truncated?")
    try:
        rows, columns, n_bits = (required(dataset, keyword) for keyword in ("Rows", "Columns", "BitsAllocated"))
        transfer_syntax = required(dataset.file_meta, "TransferSyntaxUID")
    except CaseRefused as error:
        raise type(error)(f"{path}: {error}") from error
    n_expected = rows * columns * n_bits // 8
    if not transfer_syntax.is_compressed and len(dataset.PixelData) < n_expected:
        raise CaseRefused(f"{path}: {len(dataset.PixelData)} bytes of pixel data, {n_expected} expected; truncated?")
    del dataset.PixelData
    return dataset


def read_pixels(slices: list[tuple]) -> sitk.Image:
    """Rescaled values (float32) of sorted slices; every slice's own rescale slope counts."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path, _ in slices])
    reader.SetOutputPixelType(sitk.sitkFloat32)
    try:
        return reader.Execute()
    except RuntimeError as error:
        raise CaseRefused(f"pixels can't be read ({str(error).strip().splitlines()[-1]})") from error
