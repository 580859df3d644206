"""The picture of a benchmark: a chart per measure, a line per teacher, in the order of both."""

import numpy as np
import pandas as pd
from matplotlib.image import imread

from nnunetv2_muduo.visualization import prompting_curves
from nnunetv2_muduo.visualization.prompting_curves import plot_curves


def test_lines_are_means_over_sessions(tmp_path, monkeypatch):
    figures = []
    draw = prompting_curves._draw

    def seen(axes, steps, measure):
        draw(axes, steps, measure)
        figures.append(axes)

    monkeypatch.setattr(prompting_curves, "_draw", seen)
    steps = pd.DataFrame(
        {"method": method, "step": step, "dice": value + step / 10, "ml": np.nan if step else 4.0}
        for method, value in (("ours", 0.4), ("ours", 0.6), ("a threshold", 0.1))
        for step in range(3)
    )
    path = tmp_path / "curves.png"
    plot_curves(steps, {"dice": "Dice", "ml": "volume (ml)"}, "autoPET IV", "pairs of clicks", path)
    first, second = figures
    assert [line.get_label() for line in first.lines] == ["ours", "a threshold"]
    np.testing.assert_allclose(first.lines[0].get_ydata(), [0.5, 0.6, 0.7])
    assert first.get_ylim() == (-0.02, 1.02)
    assert second.get_ylim() != first.get_ylim()
    assert imread(path).std() > 0.01
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]
