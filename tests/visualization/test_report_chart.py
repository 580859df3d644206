import re

import numpy as np
import pytest

from nnunetv2_muduo.visualization.report_chart import Line, line_chart
from nnunetv2_muduo.visualization.report_style import STYLE


def points_of(svg: str) -> np.ndarray:
    (points,) = re.findall(r'<polyline points="([^"]+)"', svg)
    return np.array([[float(number) for number in point.split(",")] for point in points.split()])


def test_a_chart_is_drawn_to_scale():
    chart = line_chart("A < B", [0, 1, 2, 3], [Line("x", "red", [0.0, 1.0, np.nan, 0.5])], limits=(0, 1))
    points = points_of(chart)
    assert "A &lt; B" in chart
    assert points[0, 0] < points[1, 0] < points[2, 0]
    assert (points[1, 0] - points[0, 0]) * 3 == pytest.approx(points[2, 0] - points[0, 0], abs=0.2)
    assert points[2, 1] == pytest.approx((points[0, 1] + points[1, 1]) / 2, abs=0.1)
    assert points[1, 1] < points[0, 1]  # SVG's y runs downwards
    assert "<b>0.5</b>" in chart


def test_long_curves_are_averaged_and_short_ones_shown():
    assert len(points_of(line_chart("", range(1000), [Line("x", "red", np.zeros(1000))]))) == 200
    assert "<circle" in line_chart("", [0], [Line("x", "red", [0.3])])
    assert line_chart("", [0, 1], [Line("x", "red", [np.nan, np.nan])]) == ""


def test_axes_are_named_and_letters_keep_their_size():
    lines = [Line("liver", "#d55e00", [0.1, 0.9]), Line("a < b", "#56b4e9", [0.2, 0.8], "dashed")]
    chart = line_chart("Dice", [0, 40], lines, limits=(0, 1), y_label="Dice, 0 to 1")
    assert '<span class="y-label">Dice, 0 to 1</span>' in chart
    assert '<span class="x-label">epoch</span>' in chart
    assert "<text" not in chart  # it would shrink with the SVG
    assert re.findall(r'top: ([\d.]+)%">([\d.]+)<', chart) == [
        ("98.0", "0"), ("74.0", "0.25"), ("50.0", "0.5"), ("26.0", "0.75"), ("2.0", "1")
    ]  # fmt: skip
    assert re.findall(r'left: [\d.]+%">(\d+)<', chart) == ["0", "8", "16", "24", "32", "40"]
    (plot_style,) = re.findall(r"^\.plot \{[^}]*font-size: (\d+)px", STYLE, re.MULTILINE)
    assert int(plot_style) >= 12


def test_lines_of_like_colors_differ_in_their_strokes():
    lines = [Line("liver", "#d55e00", [0.1, 0.9]), Line("rib", "#d55e00", [0.2, 0.8], "dashed")]
    chart = line_chart("", [0, 1], lines)
    assert re.findall(r'<polyline points="[^"]+" class="(\w+)"', chart) == ["solid", "dashed"]
    assert re.findall(r"border-top: 3px (\w+) #d55e00", chart) == ["solid", "dashed"]
    assert "svg .dashed { stroke-dasharray" in STYLE
