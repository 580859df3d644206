import argparse
import json

import numpy as np
import pytest
import SimpleITK as sitk
from matplotlib.figure import Figure
from matplotlib.image import imread

from nnunetv2_muduo.cli import figure as figure_command
from nnunetv2_muduo.visualization.case_figure import _layout, draw_case, draw_view, organ_color
from nnunetv2_muduo.visualization.slices import View

ORGANS = {"liver": 1, "spleen": 2, "bladder": 3}
SPACING_MM = (3.0, 2.0, 2.0)


@pytest.fixture
def case():
    """CT, PET and truth with liver and bladder, axes (z, y, x)."""
    ct_hu, pet_suv = np.full((50, 60, 70), -1000, np.float32), np.zeros((50, 60, 70), np.float32)
    labels = np.zeros((50, 60, 70), np.uint8)
    ct_hu[:, 10:50, 10:60], pet_suv[:, 10:50, 10:60] = 0, 0.5
    labels[25:40, 20:40, 15:35], labels[5:12, 25:35, 30:42] = 1, 3
    ct_hu[labels == 1], pet_suv[labels == 3] = 60, 12
    return ct_hu, pet_suv, labels


def draw(case, out_path, segmentations=None, **more):
    ct_hu, pet_suv, labels = case
    return draw_case(ct_hu, pet_suv, SPACING_MM, segmentations or {"truth": labels}, ORGANS, out_path, **more)


def test_png_and_svg_with_legend_and_windows(case, tmp_path):
    png, svg = draw(case, tmp_path / "a.b", {"truth": case[2], "ours": np.roll(case[2], 2, axis=2)}, suv_max=7)
    assert (png, svg) == (tmp_path / "a.png", tmp_path / "a.svg")
    text = svg.read_text()
    for words in ("liver", "bladder", "SUV 0 to 7", "-160 to 240 HU", "ours"):
        assert words in text
    assert "spleen" not in text
    assert imread(png).shape[1] > 1000


def test_an_organ_keeps_its_color_whichever_others_there_are(case, tmp_path):
    labels = np.where(case[2] == 3, 3, 0)
    text = draw(case, tmp_path / "a.png", {"truth": labels})[1].read_text()
    assert organ_color(3) in text
    assert organ_color(1) not in text
    assert len({organ_color(value) for value in range(1, 14)}) == 13


def test_panels_have_the_bodys_proportions():
    figure, blocks = _layout((100, 50, 80), SPACING_MM, ["truth", "ours"], n_organs=3)
    sizes = [axes.get_position().size * figure.get_size_inches() for block in blocks for axes in block]
    for i, (width, height) in enumerate(sizes):
        expected_mm = 100 * 3 if i % 4 < 2 else 50 * 2
        assert height / width == pytest.approx(expected_mm / (80 * 2))


def test_contours_lie_on_the_masks_borders_in_mm():
    mask = np.zeros((10, 12), bool)
    mask[3:7, 0:5] = True
    axes = Figure().add_axes((0, 0, 1, 1))
    draw_view(axes, View(np.zeros(mask.shape), {2: mask}, (3.0, 2.0)), (0, 1), "gray")
    (x_min, y_min), (x_max, y_max) = axes.collections[0].get_paths()[0].get_extents().get_points()
    assert (x_min, x_max) == (0, 10)
    assert (y_min, y_max) == (9, 21)
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 24), (30, 0))


def test_different_shapes_are_refused(case, tmp_path):
    with pytest.raises(ValueError, match="one shape"):
        draw(case, tmp_path / "a.png", {"truth": case[2][1:]})


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
