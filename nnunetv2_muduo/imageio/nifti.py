"""Reader of NIfTI files, with every check that SimpleITK leaves out, and the sources that a conversion reads them from.

SimpleITK reads a truncated or corrupt file without a word and fills the rest with zeros; it also reads NaN as 0. So the
stream is unpacked here, where length and checksum are verified, and values that are not finite are refused.

A source has `read()` (a SimpleITK image), `read_with_hash()`, `file_stamps()` to see whether it changed, and `str()`.
"""

import gzip
import hashlib
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.grid import read_grid, set_grid
from nnunetv2_muduo.imageio.nifti_header import NIFTI_ENDINGS, NiftiHeader, is_nifti, is_packed, nifti_stem
from nnunetv2_muduo.imageio.refusal import CaseRefused, refusing_damage
from nnunetv2_muduo.storage import file_stamp

__all__ = [
    "NIFTI_ENDINGS",
    "NiftiFile",
    "ZipMember",
    "is_nifti",
    "nifti_stem",
    "read_nifti",
    "require_finite",
    "require_intact",
]


def read_nifti(path: Path) -> sitk.Image:
    """A 3D image of scalars. Raises CaseRefused where it is damaged, of another kind, or holds NaN or infinity."""
    return _image(_file_bytes(path), path, str(path))


def require_intact(path: Path) -> None:
    """Raise CaseRefused where `read_nifti` would; no image is made, which takes longer."""
    read_grid(path)
    with refusing_damage(str(path)):
        voxels = _unpacked(_file_bytes(path)).dataobj.get_unscaled()
    require_finite(voxels, str(path))


def require_finite(values: np.ndarray, name: str) -> None:
    """Raise CaseRefused for values that are NaN or infinite."""
    n_bad = np.sum(~np.isfinite(values)) if np.issubdtype(values.dtype, np.floating) else 0
    if n_bad:
        raise CaseRefused(
            f"{name} holds {n_bad} values that are not finite (NaN or infinity). Correct or remove the case."
        )


def _file_bytes(path: Path) -> bytes:
    with refusing_damage(str(path)):
        return path.read_bytes()


class _Image(nibabel.Nifti1Image):
    header_class = NiftiHeader


def _unpacked(data: bytes) -> nibabel.Nifti1Image:
    return _Image.from_bytes(gzip.decompress(data) if is_packed(data) else data)


def _image(data: bytes, path: Path, name: str) -> sitk.Image:
    """Image of a NIfTI file whose bytes are `data`; its header is read from `path`, and messages call it `name`."""
    with refusing_damage(name):
        grid = read_grid(path, name)
        voxels = np.asanyarray(_unpacked(data).dataobj)
        voxels = voxels.astype(voxels.dtype.newbyteorder("="), copy=False).reshape(grid.size, order="F")
        image = sitk.GetImageFromArray(voxels.transpose())
    require_finite(voxels, name)
    return set_grid(image, grid)


@dataclass(frozen=True)
class NiftiFile:
    """A `.nii.gz` or `.nii` file on disk."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def can_stand_as_it_is(self) -> bool:
        with self.path.open("rb") as file:
            return self.path.name.lower().endswith(".nii.gz") and is_packed(file.read(2))

    def file_stamps(self) -> list[list]:
        return [file_stamp(self.path, str(self))]

    def read(self) -> sitk.Image:
        return read_nifti(self.path)

    def read_with_hash(self) -> tuple[sitk.Image, str]:
        """(image, SHA-256 of the file). Raises CaseRefused."""
        data = _file_bytes(self.path)
        return _image(data, self.path, str(self)), hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class ZipMember:
    """A NIfTI file inside a zip archive."""

    archive: Path
    member: str

    can_stand_as_it_is = False

    def __str__(self) -> str:
        return f"{self.archive}!{self.member}"

    def file_stamps(self) -> list[list]:
        return [file_stamp(self.archive, str(self))]

    def read(self) -> sitk.Image:
        return self.read_with_hash()[0]

    def read_with_hash(self) -> tuple[sitk.Image, str]:
        """(image, SHA-256 of the member). Raises CaseRefused where archive or member is damaged."""
        with refusing_damage(str(self)), zipfile.ZipFile(self.archive) as archive:
            data = archive.read(self.member)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ("member.nii.gz" if self.member.lower().endswith(".gz") else "member.nii")
            path.write_bytes(data)  # SimpleITK reads the header, and of files alone
            return _image(data, path, str(self)), hashlib.sha256(data).hexdigest()
