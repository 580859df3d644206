"""Small components of organ maps: parts far smaller than an organ's largest one.

A generator trained on few labels sees a bit of brain in the liver here and there. Every such bit would be an organ of its patch:
points for a teacher where there is nothing to find, and patches drawn around it. In true maps organs have few parts, of
like size (two kidneys, two lungs). Lesions have parts of any size: the labeled cases tell these labels apart from organs.
"""

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

LEAST_SHARE = 0.2
"""Of the largest part's voxels; a component with fewer is a small one."""

MOST_LOSS = 0.05
"""Share of a label's voxels in true maps that may be small components where its predicted ones are to be left out."""

_TOUCHING = np.ones((3, 3, 3))  # voxels that share a face, an edge or a corner


def remove_small_components(organ_map: np.ndarray, organs: list[int]) -> np.ndarray:
    """Copy of an organ map [a, b, c] with the small components of some organs (label values) set to background."""
    cleaned = organ_map.copy()
    boxes = ndimage.find_objects(organ_map, max(organs, default=0))
    for organ in organs:
        if (box := boxes[organ - 1]) is not None:
            parts, _ = ndimage.label(organ_map[box] == organ, _TOUCHING)
            sizes = np.bincount(parts.ravel())
            sizes[0] = 0
            cleaned[box][((sizes < LEAST_SHARE * sizes.max()) & (sizes > 0))[parts]] = 0
    return cleaned


def organs_in_few_components(true_maps: Iterable[np.ndarray], organs: list[int]) -> list[int]:
    """The organs that would lose no more than `MOST_LOSS` of their voxels in true maps, each [a, b, c]."""
    before, after = np.zeros((2, len(organs)))
    for true_map in true_maps:
        cleaned = remove_small_components(true_map, organs)
        before += [np.count_nonzero(true_map == organ) for organ in organs]
        after += [np.count_nonzero(cleaned == organ) for organ in organs]
    return [organ for organ, b, a in zip(organs, before, after, strict=True) if b - a <= MOST_LOSS * b]
