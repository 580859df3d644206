"""Images that are sent to the server: NIfTI alone, bounded in bytes and voxels before anything is unpacked.

Other formats may name further files to read (the header of MetaImage and NRRD), which a sender has no business to choose.
"""

import gzip
from http import HTTPStatus
from math import prod
from pathlib import Path
from typing import BinaryIO

import SimpleITK as sitk

from nnunetv2_muduo.imageio.grid import read_grid
from nnunetv2_muduo.imageio.images import read_image
from nnunetv2_muduo.imageio.nifti_header import is_packed
from nnunetv2_muduo.imageio.refusal import CaseRefused, refusing_damage
from nnunetv2_muduo.prompting.server.refused import Refused

MOST_BYTES = 512 * 2**20
"""Of a file as it is sent."""
MOST_VOXELS = 2**28
"""512 x 512 x 1024: a whole body at the finest that a CT is kept."""
_BYTES_OF_A_VOXEL, _BYTES_OF_HEADER = 16, 2**20
"""The most that NIfTI knows, and more than its headers have."""
_BLOCK = 2**20


def keep_upload(source: BinaryIO, n_bytes: int, folder: Path, stem: str) -> Path:
    """Write a body of `n_bytes` as `stem`.nii or `stem`.nii.gz, by its content. Raises Refused where less comes."""
    for old in folder.glob(f"{stem}.nii*"):
        old.unlink()
    start = source.read(min(2, n_bytes))
    path = folder / (f"{stem}.nii.gz" if is_packed(start) else f"{stem}.nii")
    with path.open("wb") as file:
        file.write(start)
        left = n_bytes - len(start)
        while left and (block := source.read(min(_BLOCK, left))):
            file.write(block)
            left -= len(block)
    if left:
        path.unlink()
        raise Refused(HTTPStatus.BAD_REQUEST, "The file did not arrive whole. Send it again.")
    return path


def read_upload(path: Path, name: str) -> sitk.Image:
    """The image. Raises CaseRefused, which calls the file by the user's `name`."""
    try:
        grid = read_grid(path)
        if prod(grid.size) > MOST_VOXELS:
            size = " x ".join(map(str, grid.size))
            raise CaseRefused(f"{name} has {size} voxels, more than the {MOST_VOXELS} that this server takes.")
        _require_honest_length(path, prod(grid.size) * _BYTES_OF_A_VOXEL + _BYTES_OF_HEADER)
        return read_image(path)
    except CaseRefused as error:
        raise CaseRefused(str(error).replace(str(path), name)) from error


def _require_honest_length(path: Path, most_bytes: int) -> None:
    """Raise CaseRefused where a packed file holds far more than its header says: it would fill the memory."""
    if not path.name.endswith(".gz"):
        return
    n_bytes = 0
    with refusing_damage(str(path)), gzip.open(path) as file:
        while block := file.read(_BLOCK):
            n_bytes += len(block)
            if n_bytes > most_bytes:
                raise CaseRefused(f"{path} unpacks to more than its header says. Pack it again.")
