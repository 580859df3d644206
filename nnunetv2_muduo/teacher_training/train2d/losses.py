"""Loss and measure of a fine-tuning, on canvases."""

import torch
import torch.nn.functional as F
from torch import Tensor

NO_CLASS = 255
"""Label of pixels that no slice covers, or that are to be ignored."""
_SMOOTH = 1e-5


def cross_entropy_and_dice(logits: Tensor, labels: Tensor) -> Tensor:
    """Half of the sum of cross-entropy and soft Dice with squares, mean over classes, background too (CFR).

    Pixels without a class count in neither; CFR's code asks in its Dice that no class be seen there, which softmax can't answer.

    Args:
        logits: [N, n_classes, h, w].
        labels: [N, h, w], integers; at least one pixel has a class.
    """
    has_class = labels != NO_CLASS
    onehot = F.one_hot(labels.where(has_class, 0).long(), logits.shape[1]).movedim(-1, 1) * has_class[:, None]
    probs = logits.softmax(1) * has_class[:, None]
    overlap, total = (probs * onehot).sum((0, 2, 3)), (probs.square() + onehot).sum((0, 2, 3))
    dice_loss = 1 - (2 * overlap + _SMOOTH) / (total + _SMOOTH)
    return (F.cross_entropy(logits, labels.long(), ignore_index=NO_CLASS) + dice_loss.mean()) / 2


def organ_counts(predicted: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Voxels [n_classes, 2] of each class: in both maps, and in one plus in the other. Ignored voxels are in neither."""
    has_class = labels != NO_CLASS
    pairs = [(predicted[has_class] == value, labels[has_class] == value) for value in range(n_classes)]
    return torch.stack([torch.stack([(p & y).sum(), p.sum() + y.sum()]) for p, y in pairs])


def mean_dice(counts: Tensor) -> float | None:
    """Mean over the organs that are in one of the maps of the Dice of all voxels of `organ_counts` [n_classes, 2].

    None where no organ is in any of them.
    """
    overlap, total = counts[1:].double().unbind(1)
    there = total > 0
    return float((2 * overlap[there] / total[there]).mean()) if there.any() else None
