"""Where the voxels of an image come from: a NIfTI file, or a NIfTI file inside a zip archive.

A source has `read()` (a SimpleITK image), `read_with_hash()`, `file_stamps()` to see whether it changed, and `str()`.
"""

import gzip
import hashlib
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

NIFTI_ENDINGS = (".nii.gz", ".nii")


class CaseRefused(ValueError):
    """This case can't be converted; the message says what is wrong with it and what to do. Other cases go on."""


def nifti_stem(name: str) -> str:
    """File name without `.nii.gz` or `.nii`; dots inside the name stay."""
    return next((name[: -len(ending)] for ending in NIFTI_ENDINGS if name.endswith(ending)), name)


@dataclass(frozen=True)
class NiftiFile:
    """A `.nii.gz` or `.nii` file on disk."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def can_stand_as_it_is(self) -> bool:
        return self.path.name.endswith(".nii.gz")

    def file_stamps(self) -> list[list]:
        stat = self.path.stat()
        return [[str(self.path), stat.st_size, stat.st_mtime_ns]]

    def read_with_hash(self):
        """(SimpleITK image, SHA-256 of the file). Raises CaseRefused where the file is damaged."""
        data = self.path.read_bytes()
        return image_from_nifti_bytes(data, self.path, str(self)), hashlib.sha256(data).hexdigest()

    def read(self):
        return self.read_with_hash()[0]


@dataclass(frozen=True)
class ZipMember:
    """A NIfTI file inside a zip archive."""

    archive: Path
    member: str

    can_stand_as_it_is = False

    def __str__(self) -> str:
        return f"{self.archive}!{self.member}"

    def file_stamps(self) -> list[list]:
        stat = self.archive.stat()
        return [[str(self), stat.st_size, stat.st_mtime_ns]]

    def read_with_hash(self):
        """(SimpleITK image, SHA-256 of the member). Raises CaseRefused where archive or member is damaged."""
        try:
            with zipfile.ZipFile(self.archive) as archive:
                data = archive.read(self.member)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise CaseRefused(f"{self}: damaged zip archive ({error})") from error
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ("member.nii.gz" if self.member.endswith(".gz") else "member.nii")
            path.write_bytes(data)
            return image_from_nifti_bytes(data, path, str(self)), hashlib.sha256(data).hexdigest()

    def read(self):
        return self.read_with_hash()[0]


def n_not_finite(path: Path) -> int:
    """Voxels of a NIfTI file that are NaN or infinite, which SimpleITK reads as 0, as it does the missing end of a file.

    Raises:
        CaseRefused: the file is truncated or damaged: the whole stream is unpacked, and its checksum verified.
    """
    import nibabel
    import numpy as np

    try:
        data = path.read_bytes()
        unpacked = gzip.decompress(data) if path.name.endswith(".gz") else data
        header = nibabel.Nifti1Image.from_bytes(unpacked).header
        dtype, shape = header.get_data_dtype(), header.get_data_shape()
        voxels = np.frombuffer(unpacked, dtype, int(np.prod(shape)), int(header["vox_offset"]))
    except (EOFError, OSError, ValueError, zlib.error, nibabel.spatialimages.HeaderDataError) as error:
        raise CaseRefused(f"{path}: can't be read, truncated or damaged ({_reason(error)})") from error
    return int(np.sum(~np.isfinite(voxels))) if np.issubdtype(dtype, np.floating) else 0


def image_from_nifti_bytes(data: bytes, path: Path, name: str):
    """SimpleITK image of a NIfTI file whose bytes are `data`; its header is read from `path`.

    SimpleITK alone reads a truncated or corrupt .nii.gz without a word and fills the rest with zeros, so the stream is
    unpacked here, where length and checksum are verified. Raises CaseRefused.
    """
    import nibabel
    import numpy as np
    import SimpleITK as sitk

    header_reader = sitk.ImageFileReader()
    header_reader.SetFileName(str(path))
    try:
        unpacked = gzip.decompress(data) if path.name.endswith(".gz") else data
        header_reader.ReadImageInformation()
        if header_reader.GetDimension() != 3 or header_reader.GetNumberOfComponents() != 1:
            raise CaseRefused(f"{name}: 3-dimensional scalar image expected, size is {header_reader.GetSize()}")
        voxels = np.asanyarray(nibabel.Nifti1Image.from_bytes(unpacked).dataobj)
        image = sitk.GetImageFromArray(voxels.reshape(header_reader.GetSize(), order="F").transpose())
    except (EOFError, OSError, zlib.error, nibabel.spatialimages.HeaderDataError, RuntimeError, TypeError) as error:
        raise CaseRefused(f"{name}: can't be read, truncated or damaged ({_reason(error)})") from error
    image.SetSpacing(header_reader.GetSpacing())
    image.SetOrigin(header_reader.GetOrigin())
    image.SetDirection(header_reader.GetDirection())
    return image


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
