"""SASSNet's discriminator: are these distance maps of a labeled patch or of an unlabeled one? (arXiv 2007.10732)"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

LABELED, UNLABELED = 1, 0  # the discriminator's two classes
_FEATURES = (64, 128, 256, 512)
_SLOPE, _DROPOUT = 0.2, 0.5


class Discriminator(nn.Module):
    """Convolutions that halve the patch four times, and their mean over what is left of it, whatever its size.

    Args:
        n_organs: distance maps of a patch.
        n_channels: of the image that they belong to.
        patch_size: voxels along each axis; an axis that is too short to be halved once more stays as it is.
    """

    def __init__(self, n_organs: int, n_channels: int, patch_size: tuple[int, ...]):
        super().__init__()
        sizes = list(patch_size)
        self.of_maps = _halving(n_organs, _FEATURES[0], sizes)
        self.of_image = _halving(n_channels, _FEATURES[0], sizes)
        layers: list[nn.Module] = [nn.LeakyReLU(_SLOPE), nn.Dropout3d(_DROPOUT)]
        for (n_in, n_out), dropout in zip(pairwise(_FEATURES), (_DROPOUT, _DROPOUT, 0), strict=True):
            sizes = [max(1, size // 2) for size in sizes]
            layers += [_halving(n_in, n_out, sizes), nn.LeakyReLU(_SLOPE), nn.Dropout3d(dropout)]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(_FEATURES[-1], 2))

    def forward(self, distance_maps: Tensor, image: Tensor) -> Tensor:
        """Logits [B, 2] of `UNLABELED` and `LABELED`, for maps [B, n_organs, a, b, c] of images [B, n_channels, a, b, c]."""
        return self.body(self.of_maps(distance_maps) + self.of_image(image))


def classes(n_labeled: int, n_unlabeled: int, device: torch.device) -> Tensor:
    """The truth about a batch in which labeled patches come first."""
    return torch.tensor([LABELED] * n_labeled + [UNLABELED] * n_unlabeled, device=device)


def equal_say(truth: Tensor, n_of_classes: Sequence[int]) -> Tensor:
    """Weights [B] of patches in the loss: half of it is of each class, however many patches of it there are on all GPUs.

    Args:
        truth: [B], as `classes` gives it.
        n_of_classes: patches of `UNLABELED` and of `LABELED`.
    """
    return torch.tensor([0.5 / max(n, 1) for n in n_of_classes], dtype=torch.float32, device=truth.device)[truth]


def _halving(n_in: int, n_out: int, sizes: list[int]) -> nn.Conv3d:
    halved = [size > 1 for size in sizes]
    kernel, stride = ([on if h else off for h in halved] for on, off in ((4, 3), (2, 1)))
    return nn.Conv3d(n_in, n_out, tuple(kernel), tuple(stride), padding=1)
