"""Figure of a case, as in PET/CT papers: one block per segmentation, with CT and PET, coronal and axial."""

from collections.abc import Container
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnunetv2_muduo.storage import replacing
from nnunetv2_muduo.visualization.figure_text import figure_style, fitted, legend_columns, legend_names
from nnunetv2_muduo.visualization.marks import (
    AXIAL_SIDES,
    CORONAL_SIDES,
    add_scale_bar,
    fill_panel,
    mark_sides,
    panel_inches,
)
from nnunetv2_muduo.visualization.slices import View, axial_view, best_slice, body_box, coronal_projection, coronal_view

CT_WINDOW_HU = (-160, 240)
PANEL_INCHES, GAP_INCHES, TITLE_INCHES, LEGEND_ROW_INCHES = 2.2, 0.05, 0.4, 0.2
TITLE_SIZE, WINDOW_SIZE, LEGEND_SIZE = 10, 8, 8  # points
DPI = 200
# Okabe and Ito's colors for color-blind people (without black, and with a yellow that is seen on white), then further ones.
COLORS = (
    "#d55e00", "#56b4e9", "#009e73", "#e69f00", "#cc79a7", "#0072b2", "#b8a800", "#8a63d2",
    "#ee6677", "#3d7a1f", "#a6761d", "#00a6a6", "#b0307a", "#7f9bff", "#8fbf3f", "#c98b6b",
)  # fmt: skip


def organ_color(value: int) -> str:
    """Color of a label value: always the same, whichever organs a case has."""
    return COLORS[(value - 1) % len(COLORS)]


def draw_case(
    ct_hu: np.ndarray,
    pet_suv: np.ndarray,
    spacing_mm: tuple[float, float, float],
    segmentations: dict[str, np.ndarray],
    organs: dict[str, int],
    out_path: Path,
    suv_max: float = 10.0,
) -> list[Path]:
    """Draw one case as PNG and SVG.

    Args:
        ct_hu, pet_suv: shape (z, y, x), towards the head, the back and the patient's left.
        spacing_mm: voxel size along (z, y, x).
        segmentations: label arrays of the same shape by title; the first one, usually the truth, chooses the slices.
        organs: label value of each organ.
        out_path: file to write, with .png and .svg in place of its suffix.
        suv_max: upper end of the SUV window; the lower one is 0.

    Returns:
        The two files.

    Raises:
        ValueError: no segmentation, or shapes that differ.
    """
    _check_shapes(ct_hu, pet_suv, segmentations)
    box = body_box(ct_hu)
    ct_hu, pet_suv = ct_hu[box], pet_suv[box]
    segmentations = {title: labels[box] for title, labels in segmentations.items()}
    first = next(iter(segmentations.values()))
    z, y = best_slice(first, axis=0), best_slice(first, axis=1)
    found = {int(value) for labels in segmentations.values() for value in np.unique(labels)}
    organs = {name: value for name, value in organs.items() if value in found}

    with figure_style([*segmentations, *organs]):
        figure, blocks = _layout(ct_hu.shape, spacing_mm, list(segmentations), list(organs))
        for axes, labels in zip(blocks, segmentations.values(), strict=True):
            _draw_ct(axes[0], axes[2], ct_hu, labels, (z, y), spacing_mm)
            _draw_pet(axes[1], axes[3], pet_suv, labels, z, spacing_mm, suv_max)
        add_legend(figure, organs)
        return save_figure(figure, Path(out_path))


def save_figure(figure: Figure, out_path: Path) -> list[Path]:
    """Write a figure as PNG and SVG, with these endings in place of the path's suffix; the two files."""
    files = [out_path.with_suffix(suffix) for suffix in (".png", ".svg")]
    for file in files:
        with replacing(file) as temporary:
            figure.savefig(temporary, format=file.suffix[1:], dpi=DPI, facecolor="white")
    return files


def _draw_ct(coronal: Axes, axial: Axes, ct_hu: np.ndarray, labels: np.ndarray, at: tuple, spacing_mm: tuple) -> None:
    """The slices at (z, y), the axial one's place dashed in the coronal one."""
    z, y = at
    draw_marked_view(coronal, coronal_view(ct_hu, labels, y, spacing_mm), CT_WINDOW_HU, "gray", CORONAL_SIDES)
    draw_marked_view(axial, axial_view(ct_hu, labels, z, spacing_mm), CT_WINDOW_HU, "gray", AXIAL_SIDES)
    coronal.set_title(f"CT, {CT_WINDOW_HU[0]} to {CT_WINDOW_HU[1]} HU", size=WINDOW_SIZE, pad=2)
    coronal.axhline((len(ct_hu) - z - 0.5) * spacing_mm[0], color="white", linewidth=0.5, dashes=(6, 6))


def _draw_pet(
    coronal: Axes, axial: Axes, pet_suv: np.ndarray, labels: np.ndarray, z: int, spacing_mm: tuple, suv_max: float
) -> None:
    """The maximum projection, and the axial slice at z."""
    draw_marked_view(coronal, coronal_projection(pet_suv, labels, spacing_mm), (0, suv_max), "gray_r", CORONAL_SIDES)
    draw_marked_view(axial, axial_view(pet_suv, labels, z, spacing_mm), (0, suv_max), "gray_r", AXIAL_SIDES)
    coronal.set_title(f"PET, projection, SUV 0 to {suv_max:g}", size=WINDOW_SIZE, pad=2)


def _check_shapes(ct_hu: np.ndarray, pet_suv: np.ndarray, segmentations: dict[str, np.ndarray]) -> None:
    shapes = {"CT": ct_hu.shape, "PET": pet_suv.shape, **{title: s.shape for title, s in segmentations.items()}}
    if not segmentations or len(set(shapes.values())) > 1:
        raise ValueError(f"A figure needs CT, PET and at least one segmentation of one shape, found {shapes}.")


def _layout(shape: tuple, spacing_mm: tuple, titles: list[str], organs: list[str]) -> tuple[Figure, list[list[Axes]]]:
    """Figure and, per title, its axes [coronal left, coronal right, axial left, axial right], in true proportions."""
    depth_mm, height_mm, width_mm = np.multiply(shape, spacing_mm)
    tall, flat = (panel_inches(PANEL_INCHES, (mm, width_mm)) for mm in (depth_mm, height_mm))
    block_width = 2 * PANEL_INCHES + 3 * GAP_INCHES
    names = legend_names(organs, block_width * len(titles), LEGEND_SIZE)
    n_legend_rows = -(-len(names) // legend_columns(names, block_width * len(titles), LEGEND_SIZE))
    bottom = LEGEND_ROW_INCHES * n_legend_rows + GAP_INCHES
    size = np.array([block_width * len(titles), bottom + flat + tall + 3 * GAP_INCHES + TITLE_INCHES])
    figure = Figure(figsize=size)
    blocks = []
    for i, title in enumerate(titles):
        lefts = [i * block_width + GAP_INCHES, i * block_width + 2 * GAP_INCHES + PANEL_INCHES]
        rows = [(bottom + flat + 2 * GAP_INCHES, tall), (bottom + GAP_INCHES, flat)]
        places = [(left, low, PANEL_INCHES, height) for low, height in rows for left in lefts]
        blocks.append([figure.add_axes(np.array(place) / [*size, *size]) for place in places])
        title = fitted(title, block_width - 2 * GAP_INCHES, TITLE_SIZE, "bold")
        place = (i + 0.5) / len(titles), 1 - GAP_INCHES / size[1]
        figure.text(*place, title, ha="center", va="top", weight="bold", size=TITLE_SIZE)
    return figure, blocks


def draw_view(axes: Axes, view: View, window: tuple[float, float], colormap: str, dashed: Container[int] = ()) -> None:
    """Image in a window of gray values with organ contours, those of `dashed` organs thin and dashed; axes in mm."""
    n_rows, n_columns = view.image.shape
    height_mm, width_mm = np.multiply(view.image.shape, view.pixel_mm)
    axes.imshow(view.image, cmap=colormap, vmin=window[0], vmax=window[1], extent=(0, width_mm, height_mm, 0))
    x_mm = (np.arange(-1, n_columns + 1) + 0.5) * view.pixel_mm[1]
    y_mm = (np.arange(-1, n_rows + 1) + 0.5) * view.pixel_mm[0]
    for value, mask in view.masks.items():
        style = {"linewidths": 0.6, "linestyles": "dashed"} if value in dashed else {"linewidths": 0.9}
        axes.contour(x_mm, y_mm, np.pad(mask, 1), levels=[0.5], colors=[organ_color(value)], **style)
    axes.set(xlim=(0, width_mm), ylim=(height_mm, 0), xticks=[], yticks=[], aspect="equal")


def draw_marked_view(
    axes: Axes, view: View, window: tuple[float, float], colormap: str, sides: str, dashed: Container[int] = ()
) -> None:
    """As `draw_view`, with letters of the patient's sides (see `mark_sides`) and a scale bar."""
    draw_view(axes, view, window, colormap, dashed)
    background, color = ("black", "white") if colormap == "gray" else ("white", "black")
    fill_panel(axes, background)
    mark_sides(axes, sides, color)
    add_scale_bar(axes, color)


def add_legend(figure: Figure, organs: dict[str, int]) -> None:
    """The organs' colors below all panels."""
    width = figure.get_figwidth()
    names = legend_names(organs, width, LEGEND_SIZE)
    lines = [Line2D([], [], color=organ_color(value), linewidth=2) for value in organs.values()]
    style = {"frameon": False, "fontsize": LEGEND_SIZE, "borderpad": 0.1}
    figure.legend(lines, names, loc="lower center", ncols=legend_columns(names, width, LEGEND_SIZE), **style)
