"""Picture of an interactive segmentation: the images that there are, coronal above axial, with objects' contours and clicks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnunetv2_muduo.visualization.case_figure import (
    CT_WINDOW_HU,
    GAP_INCHES,
    LEGEND_ROW_INCHES,
    LEGEND_SIZE,
    PANEL_INCHES,
    TITLE_INCHES,
    TITLE_SIZE,
    WINDOW_SIZE,
    add_legend,
    draw_marked_view,
    save_figure,
)
from nnunetv2_muduo.visualization.figure_text import figure_style, fitted, legend_columns, legend_names
from nnunetv2_muduo.visualization.marks import AXIAL_SIDES, CORONAL_SIDES, panel_inches
from nnunetv2_muduo.visualization.slices import axial_view, best_slice, coronal_projection, coronal_view

NEAR_MM = 10.0
"""Clicks that are drawn in a slice lie at most so far from it; the projection shows all."""
CLICK_POINTS = 4
"""Width of a click's mark."""
_MARKERS = {True: ("o", "white"), False: ("X", "#ff2d2d")}  # shape and color of positive and negative clicks


@dataclass(frozen=True)
class Clicks:
    """Voxels (z, y, x) [n, 3] of positive or negative clicks."""

    voxels: np.ndarray
    positive: bool


def draw_prompts(
    images: dict[str, np.ndarray],
    labels: np.ndarray,
    spacing_mm: tuple[float, float, float],
    objects: dict[str, int],
    clicks: list[Clicks],
    out_path: Path,
    suv_max: float = 10.0,
) -> list[Path]:
    """Draw one case as PNG and SVG.

    Args:
        images: "ct" in HU, "pet" in SUV, or both; shape (z, y, x), towards the head, the back and the patient's left.
        labels: label map of the same shape.
        spacing_mm: voxel size along (z, y, x).
        objects: label value of each object.
        out_path: file to write, with .png and .svg in place of its suffix; its stem is the title.
        suv_max: upper end of the SUV window; the lower one is 0.

    Returns:
        The two files.
    """
    title = out_path.name.removesuffix(out_path.suffix)
    z, y = _slices(labels, clicks)
    with figure_style([*objects, title]):
        figure, columns = _layout(labels.shape, spacing_mm, len(images), list(objects), title)
        for axes, (modality, image) in zip(columns, images.items(), strict=True):
            window, colormap = (CT_WINDOW_HU, "gray") if modality == "ct" else ((0, suv_max), "gray_r")
            is_projection = modality == "pet"
            coronal = (
                coronal_projection(image, labels, spacing_mm)
                if is_projection
                else coronal_view(image, labels, y, spacing_mm)
            )
            draw_marked_view(axes[0], coronal, window, colormap, CORONAL_SIDES)
            draw_marked_view(axes[1], axial_view(image, labels, z, spacing_mm), window, colormap, AXIAL_SIDES)
            axes[0].set_title(_heading(modality, window), size=WINDOW_SIZE, pad=2)
            for one in clicks:
                places_mm = _places_mm(one.voxels, spacing_mm)
                up_mm = labels.shape[0] * spacing_mm[0] - places_mm[:, 0]
                near_y = is_projection | (np.abs(places_mm[:, 1] - (y + 0.5) * spacing_mm[1]) <= NEAR_MM)
                near_z = np.abs(places_mm[:, 0] - (z + 0.5) * spacing_mm[0]) <= NEAR_MM
                _mark(axes[0], places_mm[near_y, 2], up_mm[near_y], one.positive)
                _mark(axes[1], places_mm[near_z, 2], places_mm[near_z, 1], one.positive)
        add_legend(figure, objects)
        return save_figure(figure, out_path)


def _slices(labels: np.ndarray, clicks: list[Clicks]) -> tuple[int, int]:
    """The axial and the coronal slice: of those with a positive click the one that shows most, without any that of all.

    Where there is no object, of those with any click.
    """
    clicked = np.concatenate(
        [np.empty((0, 3), int), *(one.voxels for one in clicks if one.positive or not labels.any())]
    )
    if not len(clicked):
        return best_slice(labels, axis=0), best_slice(labels, axis=1)
    by_axis = [np.unique(clicked[:, axis]) for axis in (0, 1)]
    shown = [
        np.count_nonzero(labels.take(places, axis), axis=tuple({0, 1, 2} - {axis}))
        for axis, places in enumerate(by_axis)
    ]
    z, y = (int(places[n.argmax()]) for places, n in zip(by_axis, shown, strict=True))
    return z, y


def _heading(modality: str, window: tuple[float, float]) -> str:
    if modality == "ct":
        return f"CT, {window[0]:g} to {window[1]:g} HU"
    return f"PET, projection, SUV {window[0]:g} to {window[1]:g}"


def _places_mm(voxels: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Middles of voxels (z, y, x) in a view's axes, which begin at the first voxel's edge."""
    return (voxels + 0.5) * spacing_mm


def _mark(axes: Axes, x_mm: np.ndarray, y_mm: np.ndarray, positive: bool) -> None:
    marker, color = _MARKERS[positive]
    style = {"c": color, "edgecolors": "black", "linewidths": 0.6, "zorder": 3, "gid": "clicks"}
    axes.scatter(x_mm, y_mm, s=CLICK_POINTS**2, marker=marker, **style)


def _layout(
    shape: tuple[int, ...], spacing_mm: tuple[float, float, float], n_columns: int, objects: list[str], title: str
) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Figure and, per image, its axes (coronal, axial), in true proportions."""
    depth_mm, height_mm, width_mm = np.multiply(shape, spacing_mm)
    tall, flat = (panel_inches(PANEL_INCHES, (mm, width_mm)) for mm in (depth_mm, height_mm))
    width = n_columns * PANEL_INCHES + (n_columns + 1) * GAP_INCHES
    names = legend_names(objects, width, LEGEND_SIZE)
    bottom = LEGEND_ROW_INCHES * -(-len(names) // legend_columns(names, width, LEGEND_SIZE)) + GAP_INCHES
    size = np.array([width, bottom + flat + tall + 3 * GAP_INCHES + TITLE_INCHES])
    figure = Figure(figsize=size)
    rows = [(bottom + flat + 2 * GAP_INCHES, tall), (bottom + GAP_INCHES, flat)]
    columns = []
    for i in range(n_columns):
        left = i * PANEL_INCHES + (i + 1) * GAP_INCHES
        places = [(left, low, PANEL_INCHES, height) for low, height in rows]
        columns.append(tuple(figure.add_axes(np.array(place) / [*size, *size]) for place in places))
    shown = fitted(title, width - 2 * GAP_INCHES, TITLE_SIZE, "bold")
    figure.text(0.5, 1 - GAP_INCHES / size[1], shown, ha="center", va="top", weight="bold", size=TITLE_SIZE)
    return figure, columns
