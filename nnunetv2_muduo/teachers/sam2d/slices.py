"""A volume as pictures of its slices, for a 2D network, and back.

Slices lie side by side in row-major order, each in the middle of its tile, the tiles in the middle of a square canvas, as CFR
lays them (arXiv 2403.11229). Two things differ: a tile's edge is rounded down, so that tiles never leave the canvas, and slices
beyond one canvas's tiles go on a further canvas. Surplus tiles are shared between the front and the back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

MOST_CHANNELS = 3
"""Of a volume; SAM's pictures have three colors."""


@dataclass(frozen=True)
class CanvasLayout:
    """Where the slices of a volume lie.

    Raises ValueError where there is no slice, or a slice is larger than the canvas.
    """

    n_slices: int
    slice_height: int
    """In pixels, as everything below."""
    slice_width: int
    canvas_size: int
    """Edge of the square canvas."""

    def __post_init__(self):
        if min(self.n_slices, self.slice_height, self.slice_width) < 1:
            raise ValueError(f"there is nothing to lay on a canvas: {self.n_slices} slices of {self.slice_text}")
        if max(self.slice_height, self.slice_width) > self.canvas_size:
            raise ValueError(
                f"slices of {self.slice_text} don't fit on a canvas of {self.canvas_size} x {self.canvas_size}: "
                "choose a smaller patch_size or another axis"
            )

    @property
    def slice_text(self) -> str:
        return f"{self.slice_height} x {self.slice_width}"

    @property
    def n_rows(self) -> int:
        return self.canvas_size // self.slice_height

    @property
    def n_columns(self) -> int:
        return self.canvas_size // self.slice_width

    @property
    def tile(self) -> tuple[int, int]:
        """Height and width of a tile."""
        return self.canvas_size // self.n_rows, self.canvas_size // self.n_columns

    @property
    def n_canvases(self) -> int:
        return -(-self.n_slices // (self.n_rows * self.n_columns))

    @property
    def tile_padding(self) -> list[int]:
        """Around a slice and before the first one, in the order of `torch.nn.functional.pad`."""
        (tile_height, tile_width), surplus = self.tile, self.n_canvases * self.n_rows * self.n_columns - self.n_slices
        return [
            *_shared(tile_width - self.slice_width),
            *_shared(tile_height - self.slice_height),
            *_shared(surplus),
        ]

    @property
    def canvas_padding(self) -> list[int]:
        """Around the tiles, in the order of `torch.nn.functional.pad`."""
        tile_height, tile_width = self.tile
        return [
            *_shared(self.canvas_size - self.n_columns * tile_width),
            *_shared(self.canvas_size - self.n_rows * tile_height),
        ]


def layout_of(shape: Sequence[int], axis: int, canvas_size: int) -> CanvasLayout:
    """The layout of a volume of the spatial `shape` that is cut along the spatial `axis` (0, 1 or 2)."""
    height, width = (size for i, size in enumerate(shape) if i != axis)
    return CanvasLayout(shape[axis], height, width, canvas_size)


def to_canvases(volume: Tensor, axis: int, canvas_size: int, fill: float = 0) -> Tensor:
    """Lays `volume` [C, a, b, c] on canvases [N, C, canvas_size, canvas_size]; what no slice covers is `fill`.

    Raises ValueError where a slice is larger than the canvas.
    """
    layout = layout_of(volume.shape[1:], axis, canvas_size)
    tiles = pad(volume.movedim(axis + 1, 1), layout.tile_padding, value=fill)
    grid = tiles.unflatten(1, (layout.n_canvases, layout.n_rows, layout.n_columns))  # [C, N, row, column, h, w]
    canvases = grid.permute(1, 0, 2, 4, 3, 5).flatten(4, 5).flatten(2, 3)
    return pad(canvases, layout.canvas_padding, value=fill)


def from_canvases(canvases: Tensor, shape: Sequence[int], axis: int) -> Tensor:
    """The volume [C, a, b, c] of the spatial `shape` whose slices along `axis` lie on `canvases` [N, C, size, size].

    Raises ValueError where the canvases are not those of such a volume.
    """
    layout = layout_of(shape, axis, canvases.shape[-1])
    if len(canvases) != layout.n_canvases:
        raise ValueError(f"a volume of {tuple(shape)} lies on {layout.n_canvases} canvases, not on {len(canvases)}")
    tile_height, tile_width = layout.tile
    tiles = pad(canvases, [-n for n in layout.canvas_padding])
    grid = tiles.unflatten(3, (layout.n_columns, tile_width)).unflatten(2, (layout.n_rows, tile_height))
    slices = grid.permute(1, 0, 2, 4, 3, 5).flatten(1, 3)  # [C, slice, h, w], with surplus tiles and padding
    return pad(slices, [-n for n in layout.tile_padding]).movedim(1, axis + 1)


def thickest_axis(spacing_mm: Sequence[float]) -> int:
    """The axis with the largest spacing, the first of equals: slices across it are the sharpest pictures."""
    return max(range(len(spacing_mm)), key=lambda axis: spacing_mm[axis])


def as_three_channels(canvases: Tensor) -> Tensor:
    """What SAM sees [N, 3, h, w] of one channel (three times), two (CT, PET and their mean) or three (as they are).

    Raises ValueError for any other number of channels.
    """
    n_channels = canvases.shape[1]
    if not 1 <= n_channels <= MOST_CHANNELS:
        raise ValueError(
            f"a 2D SAM sees 1 to {MOST_CHANNELS} channels, not {n_channels}: choose some with student_channels"
        )
    if n_channels == 1:
        return canvases.expand(-1, 3, -1, -1)
    return canvases if n_channels == 3 else torch.cat([canvases, canvases.mean(1, keepdim=True)], 1)


def _shared(surplus: int) -> tuple[int, int]:
    return surplus // 2, surplus - surplus // 2
