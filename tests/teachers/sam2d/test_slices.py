import pytest
import torch

from nnunetv2_muduo.teachers.sam2d.slices import as_three_channels, from_canvases, layout_of, thickest_axis, to_canvases

SHAPES = [(5, 7, 9), (1, 1, 1), (40, 5, 6), (16, 16, 16), (3, 32, 32), (9, 10, 31), (17, 32, 1), (80, 11, 11)]


def by_loop(volume, axis, size, fill):
    """Slice for slice, pixel offsets written out."""
    slices = [volume.select(axis + 1, i) for i in range(volume.shape[axis + 1])]
    height, width = slices[0].shape[1:]
    n_rows, n_columns = size // height, size // width
    tile_h, tile_w = size // n_rows, size // n_columns
    n_canvases = 1
    while n_canvases * n_rows * n_columns < len(slices):
        n_canvases += 1
    canvases = torch.full((n_canvases, len(volume), size, size), fill, dtype=volume.dtype)
    front = (n_canvases * n_rows * n_columns - len(slices)) // 2
    for position, picture in enumerate(slices, front):
        canvas, place = divmod(position, n_rows * n_columns)
        row, column = divmod(place, n_columns)
        top = (size - n_rows * tile_h) // 2 + row * tile_h + (tile_h - height) // 2
        left = (size - n_columns * tile_w) // 2 + column * tile_w + (tile_w - width) // 2
        canvases[canvas, :, top : top + height, left : left + width] = picture
    return canvases


@pytest.mark.parametrize("n_channels", [1, 2, 3])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_canvases_are_those_of_a_loop_and_give_the_volume_back(shape, axis, n_channels):
    volume = torch.arange(1.0, 1 + n_channels * shape[0] * shape[1] * shape[2]).reshape(n_channels, *shape)
    size = 80
    canvases = to_canvases(volume, axis, size, fill=-1)
    assert torch.equal(canvases, by_loop(volume, axis, size, -1))
    assert torch.equal(from_canvases(canvases, shape, axis), volume)
    assert (canvases != -1).sum() == volume.numel(), "every voxel lies on a canvas once"


def test_every_crop_size_goes_there_and_back():
    for height in range(1, 33):
        for n_slices in (1, 2, 31, 70):
            volume = torch.rand(1, n_slices, height, 33 - height)
            assert torch.equal(from_canvases(to_canvases(volume, 0, 32), volume.shape[1:], 0), volume)


def test_slices_beyond_the_tiles_lie_on_a_further_canvas():
    assert len(to_canvases(torch.rand(1, 4, 16, 16), 0, 32)) == 1
    assert len(to_canvases(torch.rand(1, 5, 16, 16), 0, 32)) == 2


def test_left_atrium_of_the_paper_has_81_tiles_of_113_pixels():
    layout = layout_of((112, 112, 80), 2, 1024)
    assert (layout.n_rows, layout.n_columns, layout.tile, layout.n_canvases) == (9, 9, (113, 113), 1)
    canvases = to_canvases(torch.ones(1, 112, 112, 80), 2, 1024)
    assert canvases.shape == (1, 1, 1024, 1024)
    assert canvases.sum() == 112 * 112 * 80


def test_labels_keep_their_type_and_255_where_there_is_no_slice():
    canvases = to_canvases(torch.zeros(1, 3, 5, 5, dtype=torch.uint8), 0, 16, fill=255)
    assert canvases.dtype == torch.uint8
    assert (canvases == 255).sum() == 16 * 16 - 3 * 25


def test_a_slice_larger_than_the_canvas_is_refused():
    with pytest.raises(ValueError, match=r"33 x 5 don't fit on a canvas of 32 x 32"):
        to_canvases(torch.rand(1, 2, 33, 5), 0, 32)


def test_canvases_of_another_volume_are_refused():
    with pytest.raises(ValueError, match="lies on 1 canvases, not on 2"):
        from_canvases(torch.rand(2, 1, 32, 32), (4, 16, 16), 0)


def test_thickest_axis():
    assert [thickest_axis(spacing) for spacing in ((5, 1, 1), (1, 1, 1), (1, 2, 3))] == [0, 0, 2]


def test_three_channels():
    one, two, three = (torch.rand(2, n, 4, 4) for n in (1, 2, 3))
    assert torch.equal(as_three_channels(one), torch.cat([one, one, one], 1))
    assert torch.equal(as_three_channels(two), torch.stack([two[:, 0], two[:, 1], (two[:, 0] + two[:, 1]) / 2], 1))
    assert torch.equal(as_three_channels(three), three)
    with pytest.raises(ValueError, match="1 to 3 channels, not 4"):
        as_three_channels(torch.rand(1, 4, 4, 4))
