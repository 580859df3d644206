"""Headers of NIfTI files: what a file is whatever its name says, and whether nnU-Net's reader can read it."""

import gzip
from pathlib import Path
from typing import BinaryIO

import nibabel

from nnunetv2_muduo.imageio.nifti_place import require_one_place
from nnunetv2_muduo.imageio.refusal import CaseRefused

NIFTI_ENDINGS = (".nii.gz", ".nii")
PAIR_ENDINGS = (".hdr", ".img")
_GZIP_MAGIC = b"\x1f\x8b"
_NIFTI_1_BYTES, _NIFTI_2_BYTES = 348, 540  # sizes of the headers, which stand at their beginning
_MAGIC_OF_FILE, _MAGIC_OF_PAIR = b"n+1", b"ni1"


class NiftiHeader(nibabel.Nifti1Header):
    """Header whose rotation may be half a turn with noise, as ITK's may; whether it is right is `require_one_place`'s to say."""

    quaternion_threshold = -1e-4


def is_nifti(name: str) -> bool:
    """True for names that end in .nii or .nii.gz, in whatever case."""
    return name.lower().endswith(NIFTI_ENDINGS)


def is_of_pair(name: str) -> bool:
    """True for names of the two files (.hdr and .img) of an image in NIfTI's or Analyze's older form."""
    return name.lower().endswith(PAIR_ENDINGS)


def nifti_stem(name: str) -> str:
    """File name without `.nii.gz` or `.nii`; dots inside the name stay."""
    return next((name[: -len(ending)] for ending in NIFTI_ENDINGS if name.lower().endswith(ending)), name)


def is_packed(start: bytes) -> bool:
    """True for the beginning of gzip's files."""
    return start.startswith(_GZIP_MAGIC)


def open_unpacked(path: Path) -> BinaryIO:
    """The content of a file, unpacked where it is packed, whatever its name says. Raises OSError."""
    with path.open("rb") as file:
        packed = is_packed(file.read(len(_GZIP_MAGIC)))
    return gzip.open(path) if packed else path.open("rb")


def require_readable_header(path: Path, name: str, tolerance_vox: float) -> None:
    """Refuse NIfTI files that ITK, with which nnU-Net reads, can't read or puts in one of two places.

    Args:
        path: a .nii or .nii.gz file, or one of a pair.
        name: what messages call the file.
        tolerance_vox: how far the two transforms may put a voxel apart.

    Raises:
        CaseRefused: the name's ending is wrong, it is no NIfTI or NIfTI-2, or it has two geometries; the message has both.
        OSError, EOFError: the file can't be read.
    """
    _require_true_ending(path, name)
    with open_unpacked(path.with_suffix(".hdr") if path.suffix == ".img" else path) as file:
        start = file.read(_NIFTI_2_BYTES)
    if _NIFTI_2_BYTES in (int.from_bytes(start[:4], order) for order in ("little", "big")):
        raise CaseRefused(f"{name} is NIfTI-2, which nnU-Net's reader doesn't know. Save it as NIfTI-1.")
    magic = start[_NIFTI_1_BYTES - 4 : _NIFTI_1_BYTES - 1]
    if is_of_pair(path.name) and magic != _MAGIC_OF_PAIR:
        return  # Analyze, which has no transforms
    if magic not in (_MAGIC_OF_FILE, _MAGIC_OF_PAIR):
        why = f"truncated or damaged ({len(start)} bytes, no NIfTI header)"
        raise CaseRefused(f"{name} can't be read: it is no NIfTI file, {why}.")
    require_one_place(NiftiHeader(start[:_NIFTI_1_BYTES], check=False), name, tolerance_vox)


def _require_true_ending(path: Path, name: str) -> None:
    """ITK goes by the ending: it knows .nii.gz and .NII.GZ but not .Nii.gz, and unpacks nothing that is named .nii."""
    ending = path.name[len(nifti_stem(path.name)) :]
    if ending not in (ending.lower(), ending.upper()):
        raise CaseRefused(
            f"{name} ends in {ending}, which nnU-Net's reader doesn't know. Rename it to {ending.lower()}."
        )
    with path.open("rb") as file:
        if ending.lower() == ".nii" and is_packed(file.read(len(_GZIP_MAGIC))):
            raise CaseRefused(f"{name} is packed by gzip, though its name ends in .nii. Rename it to end in .nii.gz.")
