"""Benchmarks of interactive segmentation that the field knows: how many steps, who says what, which scores count."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nnunetv2_muduo.evaluation.metrics import Spacing
from nnunetv2_muduo.prompting.scores import scores, scores_autopet5, scores_cvpr2025
from nnunetv2_muduo.prompting.users import User, box_and_clicks, pairs_of_clicks, scribbles


@dataclass(frozen=True)
class Protocol:
    """One benchmark.

    title, of_a_step: for readers; the latter is what the steps count.
    n_steps: answers that are scored; the first one is step 0.
    first_counted: step from which on the area under a curve counts.
    measures: that the benchmark ranks by; all others of `scores` are written too.
    score: of a prediction and a truth.
    robot: makes a robot user of a kind and a seed.
    takes_clicks: whether official clicks can be given in its place.
    """

    title: str
    of_a_step: str
    n_steps: int
    first_counted: int
    measures: tuple[str, ...]
    score: Callable[[np.ndarray, np.ndarray, Spacing], dict[str, float]]
    robot: Callable[[str, int], User]
    takes_clicks: bool = False


PROTOCOLS = {
    "autopet4": Protocol(
        *("autoPET IV", "pairs of clicks", 11, 0),
        ("dice", "false_positive_ml", "false_negative_ml"),
        *(scores, pairs_of_clicks),
        takes_clicks=True,
    ),
    "autopet5": Protocol("autoPET V", "scribbles", 6, 0, ("dice", "lesion_f1"), scores_autopet5, scribbles),
    "cvpr2025": Protocol("CVPR 2025", "clicks after a box", 6, 1, ("dice", "nsd"), scores_cvpr2025, box_and_clicks),
}
