"""`muduo figure` on cases that are stored one way and another."""

import argparse
import json
from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.pictures import ORGANS, SPACING_MM, drawn_case
from matplotlib import colors
from matplotlib.image import imread

from nnunetv2_muduo.cli import figure as figure_command
from nnunetv2_muduo.cli import main
from nnunetv2_muduo.visualization import case_figure
from nnunetv2_muduo.visualization.case_figure import organ_color


@pytest.fixture
def case():
    return drawn_case()


def write(path, array, flipped):
    """Store an array of LPS axes, in the same place, as it is or with all axes reversed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array[::-1, ::-1, ::-1] if flipped else array)
    image.SetSpacing(SPACING_MM[::-1])
    if flipped:
        image.SetDirection(np.diag([-1.0, -1, -1]).ravel())
        image.SetOrigin([(n - 1) * s for n, s in zip(array.shape[::-1], SPACING_MM[::-1], strict=True)])
    sitk.WriteImage(image, str(path))


def write_dataset(folder, case, flipped=False):
    for name, array in zip(("images/c_0000", "images/c_0001", "gt/c"), case, strict=True):
        write(folder / f"{name}.nii.gz", array, flipped)
    write(folder / "ours" / "c.nii.gz", np.roll(case[2], 2, axis=2), flipped)
    (folder / "dataset.json").write_text(json.dumps({"labels": {"background": 0, **ORGANS}}))


def run(folder, *arguments):
    parser = argparse.ArgumentParser()
    figure_command.add_arguments(parser)
    base = ["c", "--images", folder / "images", "-o", folder / "out"]
    return figure_command.run(parser.parse_args(list(map(str, [*base, *arguments]))))


def test_command_draws_the_same_figure_however_images_are_stored(case, tmp_path):
    for name, flipped in (("plain", False), ("flipped", True)):
        folder = tmp_path / name
        write_dataset(folder, case, flipped)
        assert run(folder, "--truth", folder / "gt", "--prediction", f"ours={folder / 'ours'}") == 0
    pictures = [imread(tmp_path / name / "out" / "c.png") for name in ("plain", "flipped")]
    np.testing.assert_array_equal(*pictures)
    assert "liver" in (tmp_path / "plain" / "out" / "c.svg").read_text()


def test_command_needs_something_to_draw(case, tmp_path):
    write_dataset(tmp_path, case)
    with pytest.raises(ValueError, match="--truth, --prediction"):
        run(tmp_path)


def test_command_names_missing_files(case, tmp_path):
    write_dataset(tmp_path, case)
    (tmp_path / "images" / "c_0001.nii.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 file\(s\) of case c are missing: c_0001"):
        run(tmp_path, "--truth", tmp_path / "gt")


def test_command_refuses_other_grids(case, tmp_path):
    write_dataset(tmp_path, case)
    write(tmp_path / "gt" / "c.nii.gz", case[2][:, :, 1:], flipped=False)
    with pytest.raises(ValueError, match="different grids"):
        run(tmp_path, "--truth", tmp_path / "gt")


def test_cases_whose_names_have_blanks_are_drawn(case, tmp_path):
    write_dataset(tmp_path, case)
    for name in ("images/c_0000", "images/c_0001", "gt/c"):
        path = tmp_path / f"{name}.nii.gz"
        path.rename(path.with_name(path.name.replace("c", "patient 1 a", 1)))
    parser = argparse.ArgumentParser()
    figure_command.add_arguments(parser)
    words = ["patient 1 a", "--images", tmp_path / "images", "--truth", tmp_path / "gt", "-o", tmp_path / "out"]
    assert figure_command.run(parser.parse_args(list(map(str, words)))) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["patient 1 a.png", "patient 1 a.svg"]


FLIPS = ["".join(sides) for sides in product("RL", "AP", "SI")]
ORIENTATIONS = ["".join(sides) for order in permutations(("RL", "AP", "SI")) for sides in product(*order)]
CORNER = {
    "liver": (-1, -1, 1),
    "spleen": (1, 1, -1),
}  # sides towards the left, the back and the head: right, front, head


def one_sided_image(values, spacing_mm=(4.0, 5.0, 6.0), n_voxels=(30, 24, 20)):
    """A body of 0 with a block of `values` in the corners of CORNER, found by the voxels' places and not by their order."""
    image = sitk.Image(n_voxels, sitk.sitkFloat32)
    image.SetSpacing(spacing_mm)
    image.SetOrigin([-0.5 * (n - 1) * mm for n, mm in zip(n_voxels, spacing_mm, strict=True)])
    array = np.zeros(n_voxels[::-1], np.float32)
    for organ, value in values.items():
        corner_mm = [40.0 * side for side in CORNER[organ]]
        start = image.TransformPhysicalPointToIndex([mm - 12 for mm in corner_mm])
        stop = image.TransformPhysicalPointToIndex([mm + 12 for mm in corner_mm])
        array[tuple(slice(a, b + 1) for a, b in zip(start[::-1], stop[::-1], strict=True))] = value
    filled = sitk.GetImageFromArray(array)
    filled.CopyInformation(image)
    return filled


def write_one_sided(folder, orientations, **more):
    """A case per orientation, all of the same body."""
    images = {
        "images/{}_0000": one_sided_image({"liver": 60, "spleen": 40}, **more),
        "images/{}_0001": one_sided_image({"liver": 3, "spleen": 6}, **more),
        "gt/{}": one_sided_image({"liver": 1, "spleen": 2}, **more),
    }
    (folder / "images").mkdir()
    (folder / "gt").mkdir()
    for name, image in images.items():
        for orientation in orientations:
            sitk.WriteImage(sitk.DICOMOrient(image, orientation), str(folder / f"{name.format(orientation)}.nii.gz"))
    (folder / "dataset.json").write_text(json.dumps({"labels": {"background": 0, **ORGANS}}))


def drawn(folder, orientations):
    """The pictures that the command draws."""
    arguments = ["--images", folder / "images", "--truth", folder / "gt", "-o", folder / "out"]
    assert main(["figure", *orientations, *map(str, arguments)]) == 0
    return [imread(folder / "out" / f"{orientation}.png") for orientation in orientations]


@pytest.mark.parametrize("orientations", [FLIPS, pytest.param(ORIENTATIONS, marks=pytest.mark.slow)])
def test_every_orientation_of_a_file_gives_the_same_picture(orientations, tmp_path, monkeypatch):
    monkeypatch.setattr(case_figure, "DPI", 60)
    write_one_sided(tmp_path, orientations)
    first, *others = drawn(tmp_path, orientations)
    for orientation, other in zip(orientations[1:], others, strict=True):
        np.testing.assert_array_equal(first, other, err_msg=orientation)


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "AIL"])
def test_organs_lie_on_the_side_that_the_marks_say(orientation, tmp_path, monkeypatch):
    write_one_sided(tmp_path, [orientation])
    figures = []
    monkeypatch.setattr(case_figure, "save_figure", lambda figure, _: figures.append(figure))
    main(["figure", orientation, "--images", str(tmp_path / "images"), "--truth", str(tmp_path / "gt"),
          "-o", str(tmp_path / "out")])  # fmt: skip
    coronal, projection, axial, _ = figures[0].axes
    marks = {text.get_text(): np.array(text.get_position()) for text in axial.texts}
    assert (
        marks["R"][0] < 0.1 < 0.9 < marks["L"][0]
    )  # shares of the panel's width; the picture's left is the patient's right
    assert marks["P"][1] < 0.1 < 0.9 < marks["A"][1]
    assert {"R", "L"} < {text.get_text() for text in coronal.texts}
    (x, y), (spleen_x, spleen_y) = contour_center(projection, "liver"), contour_center(projection, "spleen")
    assert x < 0.5 < y  # by its voxels' places at the patient's right, towards the head
    assert spleen_y < 0.5 < spleen_x
    x, y = contour_center(axial, "spleen")
    assert y < 0.5 < x  # at the left, in the back


def contour_center(panel, organ):
    """Center of an organ's contour as shares of the panel, the first coordinate to the right, the second upwards."""
    color = colors.to_rgba(organ_color(ORGANS[organ]))
    (contour,) = [found for found in panel.collections if np.allclose(found.get_edgecolor()[0], color)]
    center = contour.get_paths()[0].get_extents().get_points().mean(axis=0)
    return panel.transAxes.inverted().transform(panel.transData.transform(center))


@pytest.mark.parametrize("spacing_mm", [(4.0, 5.0, 6.0), (1.0, 1.0, 1.0), (4.07, 4.07, 3.0)])
def test_the_scale_bar_is_as_long_as_it_says(spacing_mm, tmp_path, monkeypatch):
    n_voxels = tuple(round(120 / mm) for mm in spacing_mm)
    write_one_sided(tmp_path, ["LPS"], spacing_mm=spacing_mm, n_voxels=n_voxels)
    figures = []
    monkeypatch.setattr(case_figure, "save_figure", lambda figure, _: figures.append(figure))
    monkeypatch.setattr(case_figure, "body_box", lambda ct_hu: tuple(slice(0, n) for n in ct_hu.shape))
    main(
        [
            "figure",
            "LPS",
            "--images",
            str(tmp_path / "images"),
            "--truth",
            str(tmp_path / "gt"),
            "-o",
            str(tmp_path / "out"),
        ]
    )
    for axes in figures[0].axes:
        (bar,) = [line for line in axes.lines if "scale bar" in (line.get_gid() or "")]
        (label,) = [text.get_text() for text in axes.texts if text.get_text().endswith("m")]
        number, unit = label.split()
        start, stop = axes.transData.transform(bar.get_xydata())
        share = (stop[0] - start[0]) / axes.get_window_extent().width
        assert share * n_voxels[0] * spacing_mm[0] == pytest.approx(float(number) * {"cm": 10, "mm": 1}[unit], rel=1e-6)
        assert 0.15 < share < 0.45
