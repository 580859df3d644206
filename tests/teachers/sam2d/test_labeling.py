"""Labels of crops equal to labeling the same crops by hand, slice by slice."""

import pytest
import torch
from torch import nn

from nnunetv2_muduo.teachers.sam2d.labeling import canvases_of, label_crops


class Brightness(nn.Module):
    """Class 2 where the last channel is above 1, class 1 where it is above 0, else class 0; each pixel by itself."""

    canvas_size = 20

    def forward(self, canvases):
        assert canvases.shape == (1, 3, 20, 20)
        value = canvases[:, 2]
        return torch.stack([torch.full_like(value, 0.5), value.sign() * 0.7, 10 * (value - 1)], 1)


def by_hand(crop):
    value = crop[-1] if len(crop) != 2 else crop.mean(0)
    return (value > 0).long() + (value > 1.07).long()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test_every_voxel_has_the_class_of_its_pixel(axis, n_channels):
    crops = torch.randn(2, n_channels, 9, 7, 8, generator=torch.Generator().manual_seed(3))
    labels = label_crops(Brightness(), crops, axis)
    assert labels.dtype == torch.int16
    assert torch.equal(labels[:, 0].long(), torch.stack([by_hand(crop) for crop in crops]))


def test_canvases_of_a_batch_are_those_of_its_crops():
    crops = torch.randn(2, 1, 9, 7, 8)
    both = canvases_of(crops, 0, 20)
    assert torch.equal(both, torch.cat([canvases_of(crop[None], 0, 20) for crop in crops]))


def test_four_channels_are_too_many():
    with pytest.raises(ValueError, match="1 to 3 channels, not 4"):
        label_crops(Brightness(), torch.zeros(1, 4, 9, 7, 8), 0)
