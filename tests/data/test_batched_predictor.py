"""Several tiles at once give what nnU-Net's predictor gives one by one."""

from types import SimpleNamespace

import pytest
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

from nnunetv2_muduo.data.batched_predictor import BatchedPredictor


@pytest.mark.parametrize("shape", [(20, 17, 12), (6, 17, 12)])
def test_the_same_logits_as_nnunets_predictor(shape):
    network = torch.nn.Conv3d(2, 3, 3, padding=1)
    image, logits = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)), []
    for kind in (nnUNetPredictor, BatchedPredictor):
        predictor = kind(0.75, use_mirroring=False, perform_everything_on_device=False, device=torch.device("cpu"))
        predictor.network, predictor.allow_tqdm = network, False
        predictor.configuration_manager = SimpleNamespace(patch_size=[8, 8, 8])
        predictor.label_manager = SimpleNamespace(num_segmentation_heads=3)
        logits.append(predictor.predict_sliding_window_return_logits(image).float())
    theirs, ours = logits
    assert ours.shape == (3, *shape)
    inner = (
        slice(None),
        *[slice(1, -1)] * 3,
    )  # theirs adds up in half precision, too coarse for the weights of corners
    torch.testing.assert_close(ours[inner], theirs[inner], rtol=0, atol=0.02)
