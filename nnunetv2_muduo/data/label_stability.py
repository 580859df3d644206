"""Stability of the labels that a network gave unlabeled cases: their Dice with those of an earlier moment of its training."""

from pathlib import Path

import numpy as np

from nnunetv2_muduo.storage import read_json

STABILITY_KEY = "stability"
"""In the record of a case's labels."""


def stability(organ_map: np.ndarray, earlier_map: np.ndarray, organs: list[int]) -> float:
    """Mean Dice of two label maps [a, b, c] over the organs (label values) that either has; 1 where neither has any."""
    from nnunetv2_muduo.evaluation.metrics import dice  # here: prediction imports this file and measures nothing

    of_organs = np.array([dice(organ_map == organ, earlier_map == organ) for organ in organs])
    seen = of_organs[~np.isnan(of_organs)]
    return float(seen.mean()) if len(seen) else 1.0


def least_stable(map_folder: Path, cases: list[str], n: int) -> dict[str, float]:
    """The n cases whose labels were least stable, with their stability."""
    found = {case: (read_json(map_folder / f"{case}.json") or {})[STABILITY_KEY] for case in cases}
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0]))[:n])
