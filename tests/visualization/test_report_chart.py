import re

import numpy as np
import pytest

from nnunetv2_muduo.visualization.report_chart import Line, line_chart


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
