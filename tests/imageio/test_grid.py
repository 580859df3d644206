import itertools
import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.imageio.grid import (
    GRID_TOLERANCE_VOX,
    Grid,
    has_equal_header,
    is_same_grid,
    is_same_lattice,
    overlap_fraction,
    put_on_grid,
    read_grid,
    require_same_grid,
)
from nnunetv2_muduo.imageio.refusal import CaseRefused

ORDERS_AND_FLIPS = list(itertools.product(itertools.permutations(range(3)), itertools.product((False, True), repeat=3)))
OBLIQUE = tuple(np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0].ravel())


def reordered(image, order, flips):
    """The same voxels at the same places, stored with other axes."""
    return sitk.Flip(sitk.PermuteAxes(image, order), flips)


def physical_values(image, points_mm):
    """Values of the voxels whose centers are nearest to points, looked up one by one."""
    return [image[image.TransformPhysicalPointToIndex(tuple(point))] for point in points_mm]


def random_points_mm(image, n=60):
    rng = np.random.default_rng(1)
    indices = rng.integers(0, image.GetSize(), (n, 3))
    return [image.TransformIndexToPhysicalPoint([int(i) for i in index]) for index in indices]


@pytest.mark.parametrize("direction", [(1, 0, 0, 0, -1, 0, 0, 0, 1), OBLIQUE], ids=["autopet", "oblique"])
def test_all_48_axis_orders_give_one_physical_result(petct, direction):
    pet = petct.random_study(0, direction=direction)["SUV"]
    label = petct.image_of(np.random.default_rng(2).integers(0, 9, petct.SIZE_XYZ[::-1]).astype(np.uint8), like=pet)
    points_mm = random_points_mm(pet)
    assert len(ORDERS_AND_FLIPS) == 48
    for order, flips in ORDERS_AND_FLIPS:
        stored = reordered(label, order, flips)
        assert physical_values(stored, points_mm) == physical_values(label, points_mm)  # reordered() is right
        assert is_same_lattice(Grid.of(stored), Grid.of(pet))
        result = put_on_grid(stored, pet, sitk.sitkLinear, 0)
        assert has_equal_header(Grid.of(result), Grid.of(pet))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(result), sitk.GetArrayFromImage(label))


def test_same_grid_tolerates_float_noise_and_nothing_more(petct):
    image = petct.random_study(0)["SUV"]
    noisy, rounded, shifted, turned = (sitk.Image(image) for _ in range(4))
    noisy.SetDirection(tuple(np.asarray(image.GetDirection()) + 1e-8))
    rounded.SetOrigin(tuple(np.asarray(image.GetOrigin()) + 0.01))
    shifted.SetOrigin(tuple(np.asarray(image.GetOrigin()) + 0.5))
    turned.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    grid = Grid.of(image)
    assert [has_equal_header(Grid.of(i), grid) for i in (noisy, rounded, shifted, turned)] == [
        True,
        False,
        False,
        False,
    ]
    assert [is_same_grid(Grid.of(i), grid) for i in (noisy, rounded, shifted, turned)] == [True, True, False, False]
    assert not any(is_same_lattice(Grid.of(i), grid) for i in (shifted, turned))
    assert not is_same_grid(Grid.of(image[1:]), grid)


def check_says_same(folder):
    from nnunetv2_muduo.check.dataset import RawDataset
    from nnunetv2_muduo.check.findings import OK
    from nnunetv2_muduo.check.images import check_images
    from nnunetv2_muduo.check.needs import Needs

    labels = {"labels": {"background": 0, "a": 1}, "channel_names": {"0": "CT", "1": "PET"}, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(labels))
    return next(one for one in check_images(RawDataset(folder), Needs()) if one.subject == "grids").status == OK


def prepare_says_same(folder):
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    from nnunetv2_muduo.data.raw_images import read_case

    read_case([str(folder / "imagesTr" / f"c_000{channel}.nii.gz") for channel in range(2)], SimpleITKIO())
    return True


def convert_says_same(folder):
    from nnunetv2_muduo.conversion.case_check import check_case
    from nnunetv2_muduo.conversion.layouts import find_nnunet_cases

    return "problem" not in check_case(find_nnunet_cases(folder)[0])


def evaluate_says_same(folder):
    from nnunetv2_muduo.evaluation.cases import Case, check_grids

    check_grids([Case("c", folder / "labelsTr" / "c.nii.gz", folder / "imagesTr" / "c_0000.nii.gz")])
    return True


def figure_says_same(folder):
    from nnunetv2_muduo.cli.figure import find_files

    find_files("c", folder / "imagesTr", {"truth": folder / "labelsTr"})
    return True


def accepted(says_same, folder):
    try:
        return says_same(folder)
    except ValueError as error:
        if "different grids" in str(error):
            return False
        raise


COMMANDS = [check_says_same, prepare_says_same, convert_says_same, evaluate_says_same, figure_says_same]


@pytest.mark.parametrize("says_same", COMMANDS)
@pytest.mark.parametrize("spacing_mm", [(4.0, 4.0, 5.0), (0.9, 1.1, 1.0)])
@pytest.mark.parametrize("share_of_tolerance", [0, 0.1, 0.9, 1.1, 10])
def test_all_commands_have_one_rule(petct, tmp_path, says_same, spacing_mm, share_of_tolerance):
    """PET and label map are shifted against the CT along z, by a share of the tolerance."""
    images = petct.random_study(0, spacing=spacing_mm)
    shift_mm = share_of_tolerance * GRID_TOLERANCE_VOX * spacing_mm[2]
    names = {"CTres": "imagesTr/c_0000", "SUV": "imagesTr/c_0001", "SEG": "labelsTr/c"}
    for stem, name in names.items():
        if stem != "CTres":
            images[stem].SetOrigin(np.add(images[stem].GetOrigin(), (0, 0, shift_mm)).tolist())
        (tmp_path / name).parent.mkdir(exist_ok=True)
        sitk.WriteImage(images[stem], str(tmp_path / f"{name}.nii.gz"))
    assert accepted(says_same, tmp_path) == (share_of_tolerance < 1)


TWO_PLACES = [(command, stem) for command in COMMANDS for stem in ("CTres", "SUV", "SEG")]
NOT_READ = {
    (prepare_says_same, "SEG"),
    (evaluate_says_same, "SUV"),
}  # unlabeled cases, and label maps with the CT's channel


@pytest.mark.parametrize(("says_same", "stem"), [pair for pair in TWO_PLACES if pair not in NOT_READ])
def test_all_commands_refuse_a_header_that_says_two_places(petct, tmp_path, says_same, stem):
    images = petct.random_study(0)
    names = {"CTres": "imagesTr/c_0000", "SUV": "imagesTr/c_0001", "SEG": "labelsTr/c"}
    for one, name in names.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        sitk.WriteImage(images[one], str(tmp_path / f"{name}.nii.gz"))
    assert accepted(says_same, tmp_path)
    path = tmp_path / f"{names[stem]}.nii.gz"
    image = nibabel.load(path)
    image = nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header)
    image.set_qform(image.affine @ np.diag([-1, 1, 1, 1]), 1)
    nibabel.save(image, path)
    try:
        assert not says_same(tmp_path)
    except ValueError as error:
        assert "sform and qform" in str(error)  # noqa: PT017
        assert path.name in str(error)  # noqa: PT017


def test_files_of_other_grids_and_dimensions_are_refused(petct, tmp_path):
    image = petct.random_study(0)["SUV"]
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    sitk.WriteImage(image[1:], str(tmp_path / "b.nii.gz"))
    sitk.WriteImage(sitk.JoinSeries([image, image]), str(tmp_path / "four.nii.gz"))
    (tmp_path / "text.nii.gz").write_text("no image")
    assert read_grid(tmp_path / "a.nii.gz") == Grid.of(sitk.ReadImage(str(tmp_path / "a.nii.gz")))
    require_same_grid(tmp_path / "a.nii.gz", tmp_path / "a.nii.gz")
    with pytest.raises(
        CaseRefused, match=r"different grids\n.*b\.nii\.gz: size \(11, 11, 10\).*\n.*a\.nii\.gz: size \(12, 11"
    ):
        require_same_grid(tmp_path / "b.nii.gz", tmp_path / "a.nii.gz")
    with pytest.raises(CaseRefused, match=r"four\.nii\.gz is no 3D volume: its size is \(12, 11, 10, 2\)"):
        require_same_grid(tmp_path / "four.nii.gz", tmp_path / "a.nii.gz")
    for name, message in (("text", "truncated or damaged"), ("absent", "can't be read")):
        with pytest.raises(CaseRefused, match=rf"{name}\.nii\.gz.*{message}"):
            read_grid(tmp_path / f"{name}.nii.gz")


def test_lattice_of_another_spacing_or_length_is_another(petct):
    image = petct.random_study(0)["SUV"]
    coarse = sitk.Shrink(image, (2, 1, 1))
    assert not is_same_lattice(Grid.of(coarse), Grid.of(image))
    assert not is_same_lattice(Grid.of(image[1:]), Grid.of(image))


def test_resampling_looks_up_the_nearest_voxel_and_fills_outside(petct):
    pet = petct.random_study(0)["SUV"]
    rng = np.random.default_rng(4)
    ct = petct.image_of(
        rng.integers(-1000, 1000, (14, 20, 24)).astype(np.int16), spacing=(1.9, 2.1, 3.3), direction=OBLIQUE
    )
    result = put_on_grid(ct, pet, sitk.sitkNearestNeighbor, -1024)
    for index in np.ndindex(pet.GetSize()):
        place = ct.TransformPhysicalPointToContinuousIndex(pet.TransformIndexToPhysicalPoint(index))
        nearest = np.floor(np.asarray(place) + 0.5).astype(int)
        inside = (nearest >= 0).all() and (nearest < ct.GetSize()).all()
        assert result[index] == (ct[[int(i) for i in nearest]] if inside else -1024)


def test_linear_resampling_reproduces_a_linear_ramp(petct):
    pet = petct.random_study(0)["SUV"]
    ct = petct.image_of(
        np.zeros((30, 40, 40), np.float32), spacing=(2, 2, 3), origin=(-40, -40, -120), direction=np.eye(3).ravel()
    )
    ramp = sitk.PhysicalPointSource(
        sitk.sitkVectorFloat64, ct.GetSize(), ct.GetOrigin(), ct.GetSpacing(), ct.GetDirection()
    )
    ct = sitk.Cast(
        3 * sitk.VectorIndexSelectionCast(ramp, 0) - 2 * sitk.VectorIndexSelectionCast(ramp, 2), sitk.sitkFloat32
    )
    result = put_on_grid(ct, pet, sitk.sitkLinear, -1024)
    n_checked = 0
    for point_mm in random_points_mm(pet):
        if all(
            0 < i < n - 1
            for i, n in zip(ct.TransformPhysicalPointToContinuousIndex(point_mm), ct.GetSize(), strict=True)
        ):
            assert result[pet.TransformPhysicalPointToIndex(point_mm)] == pytest.approx(
                3 * point_mm[0] - 2 * point_mm[2], abs=1e-3
            )
            n_checked += 1
    assert n_checked > 20


def test_overlap_is_a_share_of_the_reference(petct):
    image = petct.random_study(0, size_xyz=(16, 12, 10))["SUV"]
    half = image[:8]
    apart = sitk.Image(image)
    apart.SetOrigin((500.0, 0.0, 0.0))
    assert overlap_fraction(Grid.of(image), Grid.of(image)) == 1
    assert overlap_fraction(Grid.of(half), Grid.of(image)) == pytest.approx(0.5)
    assert overlap_fraction(Grid.of(image), Grid.of(half)) == 1
    assert overlap_fraction(Grid.of(apart), Grid.of(image)) == 0


def test_grid_says_its_numbers(petct):
    text = str(Grid.of(petct.random_study(0)["SUV"]))
    assert "size 12 x 11 x 10, spacing (4, 4, 5) mm, origin (-30, 20, -100) mm" in text
    assert Grid.of(petct.random_study(0)["SUV"]).orientation == "LAS"


def test_all_48_axis_orders_through_the_whole_conversion(convert, petct, tmp_path):
    """CT and label map in any order on a PET that stays, and whole studies in any order: the same values everywhere."""
    images = petct.random_study(0, label_values=(1, 2, 3))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "labels.json").write_text('{"background": 0, "a": 1, "b": 2, "c": 3}')
    for number, (order, flips) in enumerate(ORDERS_AND_FLIPS):
        stored = {stem: reordered(image, order, flips) for stem, image in images.items()}
        petct.write_study(tmp_path / "src" / f"whole{number}", stored)
        petct.write_study(tmp_path / "src" / f"apart{number}", stored | {"SUV": images["SUV"]})
    done = convert("autopet", tmp_path / "src", sizes=(96, 0, 0))
    assert done.exit_code == 0
    points_mm = random_points_mm(images["SUV"])
    for case_id in done.members("labeled"):
        names = {"CTres": f"imagesTr/{case_id}_0000", "SUV": f"imagesTr/{case_id}_0001", "SEG": f"labelsTr/{case_id}"}
        written = {stem: sitk.ReadImage(str(done.dataset / f"{name}.nii.gz")) for stem, name in names.items()}
        for stem, image in written.items():
            assert has_equal_header(Grid.of(image), Grid.of(written["SUV"]))
            assert physical_values(image, points_mm) == physical_values(images[stem], points_mm)
        order_and_flips = ORDERS_AND_FLIPS[int(case_id[5:])]
        stays = reordered(images["SUV"], *order_and_flips) if case_id.startswith("whole") else images["SUV"]
        assert Grid.of(written["SUV"]).orientation == Grid.of(stays).orientation
    assert "**Several orientations**" in done.report
