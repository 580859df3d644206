"""Writer of NIfTI files: whole, or an error that names the file."""

import os
from pathlib import Path

import SimpleITK as sitk

from nnunetv2_muduo.storage import replacing

_HEADER_BYTES = 352  # before the voxels, in every single-file NIfTI that ITK writes


def write_nifti(image: sitk.Image, path: Path) -> None:
    """Write an image as .nii.gz or .nii. ITK ends without a word where a disk is full, so the file's length is looked at.

    Raises:
        OSError: the file could not be written, or not whole; a file that was there before stays as it was.
    """
    beside = path.with_name(f".{os.getpid()}_{path.name}")  # with the ending that ITK goes by
    with replacing(path, beside):
        try:
            sitk.WriteImage(image, str(beside), useCompression=True)
        except RuntimeError as error:
            raise OSError(
                f"{path} could not be written: its folder is missing or may not be written. Name another place."
            ) from error
        n_bytes = image.GetNumberOfPixels() * image.GetNumberOfComponentsPerPixel() * image.GetSizeOfPixelComponent()
        if _unpacked_bytes(beside) != (_HEADER_BYTES + n_bytes) % 2**32:
            raise OSError(
                f"{path} could not be written whole: the disk is full. Make room, then run the command again."
            )


def _unpacked_bytes(path: Path) -> int:
    """Length of the content, modulo 2^32: of a packed file as its last four bytes say (RFC 1952, ISIZE)."""
    if not path.name.endswith(".gz"):
        return path.stat().st_size % 2**32
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4))
        return int.from_bytes(file.read(), "little")
