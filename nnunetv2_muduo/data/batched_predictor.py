"""nnU-Net's predictor with several tiles of the sliding window in one batch, for small patches on the CPU.

One tile at a time is right for large patches on a GPU. On one CPU thread PyTorch convolves a batch of one by another, four
times slower way than larger batches, and prediction would take a large part of a short training's time.
"""

import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.inference.sliding_window_prediction import compute_gaussian


class BatchedPredictor(nnUNetPredictor):
    """The same tiles, weights and mean as nnU-Net's, summed in float32 and without mirroring.

    Args:
        n_tiles: tiles in a batch.
        autocast_dtype: what the network computes in; None for float32.
    """

    def __init__(self, *args, n_tiles: int = 8, autocast_dtype: torch.dtype | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.n_tiles = n_tiles
        self.autocast_dtype = autocast_dtype

    # nnU-Net has no public place between cutting the tiles and running the network.
    @torch.inference_mode()
    def _internal_predict_sliding_window_return_logits(self, data, slicers, do_on_device=True):
        size = tuple(self.configuration_manager.patch_size)
        weights = compute_gaussian(size, value_scaling_factor=10, dtype=torch.float32, device=self.device)
        sums = torch.zeros(self.label_manager.num_segmentation_heads, *data.shape[1:], device=self.device)
        total = torch.zeros(data.shape[1:], device=self.device)
        for start in range(0, len(slicers), self.n_tiles):
            places = slicers[start : start + self.n_tiles]
            tiles = torch.stack([data[place] for place in places]).to(self.device)
            for place, logits in zip(places, self._logits(tiles), strict=True):
                sums[place] += logits * weights
                total[place[1:]] += weights
        return sums / total

    def _logits(self, tiles: torch.Tensor) -> torch.Tensor:
        """The network's float32 logits [n_tiles, n_classes, *patch_size]."""
        with torch.autocast(self.device.type, self.autocast_dtype, enabled=self.autocast_dtype is not None):
            return self.network(tiles).float()
