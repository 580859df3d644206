import numpy as np
import pytest
from fixtures.pictures import ORGANS, SPACING_MM, drawn_case
from matplotlib.figure import Figure
from matplotlib.image import imread

from nnunetv2_muduo.visualization.case_figure import _layout, draw_case, draw_view, organ_color
from nnunetv2_muduo.visualization.slices import View


@pytest.fixture
def case():
    return drawn_case()


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
    figure, blocks = _layout((100, 50, 80), SPACING_MM, ["truth", "ours"], list(ORGANS))
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
