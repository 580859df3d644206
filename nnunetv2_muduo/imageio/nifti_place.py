"""Whether all that a NIfTI header says of the image's place agrees.

It says it up to three times: by a matrix (sform), by a rotation with an offset (qform), and by the spacing (pixdim) that goes
with the rotation. Programs believe one or the other, so two that differ put an image, or its mirror image, in two places.
"""

from itertools import product

import nibabel
import numpy as np
from nibabel.quaternions import mat2quat, quat2mat

from nnunetv2_muduo.imageio.refusal import CaseRefused

_ROTATION_NOISE = 3e-7
"""Of a quaternion in float32. Near half a turn, as which NIfTI holds a usual PET/CT, it hides turns of up to 0.1 degrees."""
_ITK_SHEAR = 1.5e-4
"""A matrix whose axes are at right angles up to this is ITK's direction as it is."""


def require_one_place(header: nibabel.Nifti1Header, name: str, tolerance_vox: float) -> None:
    """Refuse files whose sform says another place than their qform or, where they have none, than their spacing.

    Files with one of both, or with none, have nothing to disagree.

    Args:
        name: what messages call the file.
        tolerance_vox: how far apart the two may put a voxel, beyond what the qform's numbers can't hold.

    Raises:
        CaseRefused: the message has both transforms.
    """
    sform = header.get_sform()
    if int(header["sform_code"]) <= 0:
        return
    if not np.isfinite(sform).all() or np.linalg.matrix_rank(sform) < 4:
        raise CaseRefused(
            f"{name}: its sform gives its voxels no volume. Save the image with a right one.\n  sform: {_rows(sform)}"
        )
    has_qform = int(header["qform_code"]) > 0
    other = _qform(header, sform) if has_qform else _with_spacing(sform, header)
    apart_vox = _largest_distance_vox(sform, other, header["dim"][1:4])
    if not apart_vox < tolerance_vox:
        what = "qform" if has_qform else "sform with the spacing beside it (pixdim)"
        raise CaseRefused(
            f"{name}: sform and {what} put its voxels up to {apart_vox:.3g} voxels apart, so where they lie is unknown. "
            f"Find out which is right, and save it in both.\n  sform: {_rows(sform)}\n  {what}: {_rows(other)}"
        )


def without_shear(header: nibabel.Nifti1Header) -> nibabel.Nifti1Header:
    """The header with its sform's axes turned to right angles, which is what a qform can say of a sheared image."""
    header, sform = header.copy(), header.get_sform()
    if int(header["sform_code"]) > 0 and np.linalg.matrix_rank(sform) == 4:
        sform[:3, :3] = _at_right_angles(sform) * np.linalg.norm(sform[:3, :3], axis=0)
        header.set_sform(sform, int(header["sform_code"]))
    return header


def _largest_distance_vox(affine: np.ndarray, other: np.ndarray, size: np.ndarray) -> float:
    """How far apart two affine maps (4, 4) put a corner, in voxels of the first along any axis."""
    corners = np.array([(*corner, 1) for corner in product(*((0, max(n - 1, 0)) for n in size))], float).T
    return float(np.abs((np.linalg.solve(affine, other) @ corners - corners)[:3]).max())


def _qform(header: nibabel.Nifti1Header, sform: np.ndarray) -> np.ndarray:
    """Transform of the rotation, spacing and offset; the sform's directions where they are the rotation up to its noise."""
    is_mirrored = float(header["pixdim"][0]) < 0
    stored = np.array([header[f"quatern_{axis}"] for axis in "bcd"], float)
    stored /= max(np.linalg.norm(stored), 1)  # a little above 1 for half a turn, by rounding
    real = np.sqrt(max(1 - stored @ stored, 0))
    rotation = quat2mat([real, *stored]) * [1, 1, -1 if is_mirrored else 1]
    directions = _directions(sform)
    if (np.linalg.det(directions) < 0) == is_mirrored and _is_rotation_of(stored, real, directions):
        rotation = directions
    affine = np.eye(4)
    affine[:3, :3] = rotation * np.abs(header["pixdim"][1:4])
    affine[:3, 3] = [header[f"qoffset_{axis}"] for axis in "xyz"]
    return affine


def _is_rotation_of(stored: np.ndarray, real: float, directions: np.ndarray) -> bool:
    """Whether a quaternion's last three numbers are those of directions; by half a turn both signs are one rotation."""
    expected = mat2quat(directions * [1, 1, np.sign(np.linalg.det(directions))])
    signs = (1, -1) if min(real, expected[0]) ** 2 < 2 * _ROTATION_NOISE else (1,)
    return any(np.abs(stored - sign * expected[1:]).max() < _ROTATION_NOISE for sign in signs)


def _directions(affine: np.ndarray) -> np.ndarray:
    """(3, 3) directions of the axes; the nearest ones at right angles where ITK would not take them as they are."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    is_right_angled = np.abs(directions.T @ directions - np.eye(3)).max() < _ITK_SHEAR
    return directions if is_right_angled else _at_right_angles(affine)


def _at_right_angles(affine: np.ndarray) -> np.ndarray:
    left, _, right = np.linalg.svd(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    return left @ right


def _with_spacing(sform: np.ndarray, header: nibabel.Nifti1Header) -> np.ndarray:
    """What ITK makes of a file without qform: directions of the sform, and the spacing that stands beside it."""
    lengths_mm = np.linalg.norm(sform[:3, :3], axis=0)
    return sform @ np.diag([*(np.abs(header["pixdim"][1:4]) / lengths_mm), 1])


def _rows(affine: np.ndarray) -> str:
    return "; ".join(" ".join(f"{value + 0:.6g}" for value in row) for row in affine[:3])  # + 0 makes 0 of -0
