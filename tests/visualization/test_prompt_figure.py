"""Picture of an interactive segmentation: where clicks and contours are drawn."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from nnunetv2_muduo.visualization import prompt_figure
from nnunetv2_muduo.visualization.prompt_figure import Clicks, draw_prompts

SPACING_MM = (6.0, 4.0, 5.0)
SHAPE = (20, 15, 12)


def drawn(tmp_path, monkeypatch, modalities=("ct", "pet"), clicks=(), labels=None):
    """Axes (coronal, axial) of each image."""
    figures = []
    monkeypatch.setattr(prompt_figure, "save_figure", lambda figure, _: figures.append(figure))
    rng = np.random.default_rng(0)
    images = {modality: rng.random(SHAPE) for modality in modalities}
    if labels is None:
        labels = np.zeros(SHAPE, np.uint8)
        labels[8:14, 5:10, 3:8] = 1
    draw_prompts(images, labels, SPACING_MM, {"lesion": 1}, list(clicks), tmp_path / "case.png")
    axes = figures[0].axes
    return list(zip(axes[::2], axes[1::2], strict=True))


def marks(axes):
    """Color and place in mm of the clicks."""
    return [
        (to_hex(found.get_facecolor()[0]), *np.round(offset, 3).tolist())
        for found in axes.collections
        if found.get_gid() == "clicks"
        for offset in found.get_offsets()
    ]


@pytest.mark.parametrize("modalities", [("ct", "pet"), ("pet",), ("ct",)])
def test_clicks_stand_where_their_voxels_are(tmp_path, monkeypatch, modalities):
    clicks = [Clicks(np.array([[10, 7, 4]]), True), Clicks(np.array([[11, 8, 6]]), False)]
    columns = drawn(tmp_path, monkeypatch, modalities, clicks)
    assert len(columns) == len(modalities)
    for coronal, axial in columns:
        # from the left by x, from above by head: 20 slices of 6 mm
        assert marks(coronal) == [("#ffffff", 22.5, 57.0), ("#ff2d2d", 32.5, 51.0)]
        assert marks(axial) == [("#ffffff", 22.5, 30.0), ("#ff2d2d", 32.5, 34.0)]


def test_slices_show_clicks_near_them_and_the_projection_all(tmp_path, monkeypatch):
    clicks = [Clicks(np.array([[10, 7, 4], [2, 1, 1]]), True)]
    (ct_coronal, ct_axial), (pet_coronal, pet_axial) = drawn(tmp_path, monkeypatch, clicks=clicks)
    assert [len(marks(axes)) for axes in (ct_coronal, ct_axial, pet_coronal, pet_axial)] == [1, 1, 2, 1]


def test_without_an_object_the_clicks_slice_is_shown(tmp_path, monkeypatch):
    clicks = [Clicks(np.array([[3, 7, 4]]), False)]
    ((_, axial),) = drawn(tmp_path, monkeypatch, ("pet",), clicks, np.zeros(SHAPE, np.uint8))
    assert len(marks(axial)) == 1


def test_files_are_written(tmp_path):
    files = draw_prompts(
        {"pet": np.ones(SHAPE)}, np.ones(SHAPE, np.uint8), SPACING_MM, {"肝": 1}, [], tmp_path / "a.b.png"
    )
    assert [file.name for file in files] == ["a.b.png", "a.b.svg"]
    assert all(file.stat().st_size > 1000 for file in files)
