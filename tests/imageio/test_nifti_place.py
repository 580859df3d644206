"""Headers whose transforms agree pass, whoever wrote them; those that say two places are refused with both."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from nnunetv2_muduo.imageio.grid import GRID_TOLERANCE_VOX, read_grid
from nnunetv2_muduo.imageio.nifti_place import require_one_place
from nnunetv2_muduo.imageio.refusal import CaseRefused

SIZE = (400, 400, 600)
"""Of a whole body, whose far end moves most by a turn."""
USUAL = np.diag([-2.0, -2, 3, 1])
"""Affine of a PET/CT as NIfTI holds it: half a turn about z."""


def affine_of(rotation=None, spacing_mm=(2, 2, 3), offset_mm=(0, 0, 0)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if rotation is None else rotation) * spacing_mm
    affine[:3, 3] = offset_mm
    return affine


def header_of(sform=None, qform=None, codes=(1, 1), size=SIZE) -> nibabel.Nifti1Header:
    header = nibabel.Nifti1Header()
    header.set_data_shape(size)
    if sform is not None:
        header.set_sform(sform, codes[0])
    if qform is not None:
        header.set_qform(qform, codes[1])
    elif sform is not None:
        header["pixdim"][1:4] = np.linalg.norm(sform[:3, :3], axis=0)
    return header


def require(header) -> None:
    require_one_place(header, "file", GRID_TOLERANCE_VOX)


def turn(degrees: float, axis=(0, 0, 1)) -> np.ndarray:
    return Rotation.from_rotvec(np.deg2rad(degrees) * np.array(axis)).as_matrix()


def near_half_turn(rng) -> np.ndarray:
    """Where a quaternion in float32 tells turns apart least; a third are mirrored."""
    axis = rng.normal(size=3) if rng.random() < 0.5 else np.eye(3)[rng.integers(3)]
    half = Rotation.from_rotvec(np.pi * axis / np.linalg.norm(axis))
    matrix = (half * Rotation.from_rotvec(rng.normal(size=3) * 10 ** rng.uniform(-6, 0))).as_matrix()
    return matrix * [1, 1, rng.choice([1, 1, -1])]


def test_one_affine_in_both_forms_passes_with_any_rotation():
    rng = np.random.default_rng(0)
    for _ in range(300):
        affine = affine_of(near_half_turn(rng), rng.uniform(0.5, 5, 3), rng.normal(size=3) * 300)
        header = header_of(affine, affine)
        for field in rng.choice(["quatern_b", "quatern_c", "quatern_d"], 2):  # the last digit, as other programs round
            header[field] = np.nextafter(header[field], np.float32(rng.choice([-9, 9])))
        require(header)


def test_what_simpleitk_writes_passes(tmp_path):
    rng = np.random.default_rng(1)
    for _ in range(100):
        image = sitk.Image(300, 2, 200, sitk.sitkUInt8)
        image.SetSpacing(rng.uniform(0.5, 5, 3).tolist())
        image.SetOrigin((rng.normal(size=3) * 300).tolist())
        image.SetDirection(near_half_turn(rng).ravel().tolist())
        sitk.WriteImage(image, str(tmp_path / "a.nii"))
        read_grid(tmp_path / "a.nii")


DIFFERENT = {
    "left and right": (USUAL, np.diag([2.0, -2, 3, 1])),
    "left and right at its place": (
        USUAL,
        np.diag([2.0, -2, 3, 1]) + affine_of(np.zeros((3, 3)), offset_mm=(-798, 0, 0)),
    ),
    "front and back": (USUAL, np.diag([-2.0, 2, 3, 1])),
    "head and feet": (USUAL, np.diag([-2.0, -2, -3, 1])),
    "origin by a tenth of a voxel": (USUAL, USUAL + np.eye(4, k=3) * 0.2),
    "origin of head and feet": (USUAL, affine_of(turn(180), offset_mm=(0, 0, 60))),
    "spacing of one slice in a thousand": (USUAL, np.diag([-2.0, -2, 3.003, 1])),
    "spacing 1": (USUAL, np.diag([-1.0, -1, 1, 1])),
    "a quarter of a degree": (affine_of(turn(180)), affine_of(turn(180.25))),
    "half a degree about x": (affine_of(), affine_of(turn(0.5, (1, 0, 0)))),
    "another turn, the same but for its sense": (affine_of(turn(60)), affine_of(turn(-60))),
    "axes swapped": (affine_of(), affine_of(np.eye(3)[[1, 0, 2]])),
    "shear of a tilted gantry": (affine_of() + np.diag([0, 0.5, 0], k=1), affine_of()),
}


@pytest.mark.parametrize("name", DIFFERENT)
@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (1, 2), (4, 1)])
def test_two_places_are_refused_with_both(name, codes):
    sform, qform = DIFFERENT[name]
    with pytest.raises(
        CaseRefused, match=r"file: sform and qform put its voxels up to .* apart.*\n  sform: .*\n  qform: "
    ):
        require(header_of(sform, qform, codes))


@pytest.mark.parametrize("share_of_tolerance", [0.5, 0.9, 1.1, 3])
def test_the_bound_is_that_of_grids(share_of_tolerance):
    moved = affine_of(offset_mm=(0, 0, share_of_tolerance * GRID_TOLERANCE_VOX * 3))
    if share_of_tolerance < 1:
        require(header_of(affine_of(), moved))
    else:
        with pytest.raises(CaseRefused, match="voxels apart"):
            require(header_of(affine_of(), moved))


def test_one_form_or_none_has_nothing_to_disagree():
    for affine in (USUAL, affine_of(turn(30))):
        require(header_of(sform=affine))
        require(header_of(qform=affine))
        require(header_of(affine, np.diag([2.0, -2, 3, 1]), codes=(0, 1)))  # a matrix that is said not to be used
    require(header_of())


def test_spacing_beside_a_matrix_without_qform(tmp_path):
    """ITK takes the directions of the matrix and the spacing beside it."""
    header = header_of(sform=USUAL)
    header["pixdim"][1:4] = 1
    with pytest.raises(CaseRefused, match=r"spacing beside it \(pixdim\).*\n.*\n.*: -1 0 0 0; 0 -1 0 0; 0 0 1 0"):
        require(header)
    for spacing_mm in ((2, 2, 3), (1, 1, 1)):
        image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), USUAL)
        image.header.set_qform(None, 0)
        image.header["pixdim"][1:4] = spacing_mm
        (tmp_path / "a.nii").write_bytes(bytes(image.header.binaryblock) + bytes(4 + 120))
        assert sitk.ReadImage(str(tmp_path / "a.nii")).GetSpacing() == spacing_mm


@pytest.mark.parametrize("broken", [np.zeros((4, 4)), np.diag([2.0, 2, 0, 1]), np.diag([np.nan, 2, 2, 1])])
def test_a_matrix_without_volume_is_refused(broken):
    header = header_of(USUAL, USUAL)
    for row, axis in enumerate("xyz"):
        header[f"srow_{axis}"] = broken[row]
    with pytest.raises(CaseRefused, match="file: its sform gives its voxels no volume"):
        require(header)
