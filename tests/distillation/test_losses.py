import math

import pytest
import torch

from nnunetv2_muduo.distillation.losses import pair_losses, ramp_up


def test_both_losses_by_hand():
    probs, masks = torch.tensor([[0.0, 1.0, 0.5, 0.5]]), torch.tensor([[False, True, True, False]])
    assert pair_losses(probs, masks, "mse").item() == pytest.approx((0.25 + 0.25) / 4)
    assert pair_losses(probs, masks, "dice").item() == pytest.approx(1 - 2 * 1.5 / (2 + 2), abs=1e-5)


def test_losses_of_pairs_do_not_depend_on_each_other():
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(5, 3, 4, 2, generator=generator)
    masks = torch.rand(5, 3, 4, 2, generator=generator) > 0.5
    order = torch.tensor([3, 1, 4, 0, 2])
    for kind in ("mse", "dice"):
        torch.testing.assert_close(pair_losses(probs, masks, kind)[order], pair_losses(probs[order], masks[order], kind))


def test_ramp_up_of_the_paper():
    assert ramp_up(0, 200) == pytest.approx(math.exp(-5))
    assert ramp_up(100, 200) == pytest.approx(math.exp(-1.25))
    assert ramp_up(200, 200) == 1
    assert ramp_up(500, 200) == 1
    # method.md 1.2: 0.0060 at iteration 7500 of 30 000, 0.029 at 15 000, 0.073 at 22 500
    assert [round(0.1 * ramp_up(it, 30_000), 4) for it in (7_500, 15_000, 22_500)] == [0.006, 0.0287, 0.0732]
