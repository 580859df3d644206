"""Marks on an image whose axes are in mm: the patient's sides, and a scale bar."""

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes

CORONAL_SIDES, AXIAL_SIDES = "RL", "RLAP"  # at the left, right, upper and lower edge
_PLACES = (  # of these marks, as shares of the image's width and height
    {"x": 0.02, "y": 0.5, "ha": "left", "va": "center"},
    {"x": 0.98, "y": 0.5, "ha": "right", "va": "center"},
    {"x": 0.5, "y": 0.98, "ha": "center", "va": "top"},
    {"x": 0.5, "y": 0.02, "ha": "center", "va": "bottom"},
)
BARS_MM = (100, 50, 20, 10, 5, 2, 1)
BAR_SHARE = 0.4  # of the image's width, at most
MARK_POINTS, BAR_POINTS = 7, 1.5
LEAST_INCHES = 0.55  # of a panel's height, so that its marks don't meet
_POINTS_PER_INCH = 72


def panel_inches(width_inches: float, size_mm: tuple[float, float]) -> float:
    """Height of a panel for an image of size (height, width), in true proportions if that leaves room for its marks."""
    return max(LEAST_INCHES, width_inches * size_mm[0] / size_mm[1])


def fill_panel(axes: Axes, background: str) -> None:
    """Center an image in a panel that is higher than the image; what is left over has the image's background."""
    width, height = axes.get_position(original=True).size * axes.figure.get_size_inches()
    height_mm = axes.get_ylim()[0]
    margin_mm = max(0.0, axes.get_xlim()[1] * height / width - height_mm) / 2
    axes.set(ylim=(height_mm + margin_mm, -margin_mm), facecolor=background)


def mark_sides(axes: Axes, sides: str, color: str) -> None:
    """Letters of the patient's sides at the image's edges, in the order of `CORONAL_SIDES` and `AXIAL_SIDES`."""
    for letter, place in zip(sides, _PLACES, strict=False):
        axes.text(s=letter, transform=axes.transAxes, **place, **_style(color))


def add_scale_bar(axes: Axes, color: str) -> None:
    """A bar of a round length at the lower right, with its length; axes in mm, y downwards."""
    width_mm = axes.get_xlim()[1]
    bar_mm = next((mm for mm in BARS_MM if mm <= BAR_SHARE * width_mm), BARS_MM[-1])
    point_mm = width_mm / (axes.get_position(original=True).width * axes.figure.get_figwidth() * _POINTS_PER_INCH)
    right, low = 0.96 * width_mm, axes.get_ylim()[0] - 4 * point_mm
    outline = _outline(color, BAR_POINTS + 1)
    (bar,) = axes.plot([right - bar_mm, right], [low, low], color=color, linewidth=BAR_POINTS, path_effects=outline)
    bar.set(solid_capstyle="butt", gid=f"scale bar {bar_mm} mm")
    axes.text(np.mean(bar.get_xdata()), low - 2 * point_mm, _length(bar_mm), ha="center", va="bottom", **_style(color))


def _length(bar_mm: int) -> str:
    return f"{bar_mm // 10} cm" if bar_mm >= 10 else f"{bar_mm} mm"


def _style(color: str) -> dict:
    return {"color": color, "size": MARK_POINTS, "path_effects": _outline(color, 1.5)}


def _outline(color: str, linewidth: float) -> list[patheffects.AbstractPathEffect]:
    """The other of black and white around marks, so that they are seen on any image."""
    return [patheffects.withStroke(linewidth=linewidth, foreground="white" if color == "black" else "black")]
