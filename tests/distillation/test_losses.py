import math

import pytest
import torch

from nnunetv2_muduo.distillation.losses import pair_losses, ramp_up


def random_pairs(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(5, 3, 4, 2, generator=generator, dtype=dtype)
    return probs, torch.rand(5, 3, 4, 2, generator=generator) > 0.5


def test_both_losses_by_hand():
    probs, masks = torch.tensor([[0.0, 1.0, 0.5, 0.5]]), torch.tensor([[False, True, True, False]])
    assert pair_losses(probs, masks, "mse")[0].item() == pytest.approx((0.25 + 0.25) / 4)
    assert pair_losses(probs, masks, "dice")[0].item() == pytest.approx(1 - 2 * 1.5 / (2 + 2), abs=1e-5)


@pytest.mark.parametrize("kind", ["mse", "dice"])
def test_gradients_are_those_of_the_losses(kind):
    probs, masks = random_pairs(torch.float64)
    _, gradients = pair_losses(probs, masks, kind)
    numerical = torch.autograd.functional.jacobian(lambda p: reference_losses(p, masks, kind).sum(), probs)
    torch.testing.assert_close(gradients, numerical)
    torch.testing.assert_close(pair_losses(probs, masks, kind)[0], reference_losses(probs, masks, kind))


def reference_losses(probs, masks, kind):
    p, y = probs.flatten(1), masks.flatten(1).double()
    if kind == "mse":
        return ((p - y) ** 2).sum(1) / p.shape[1]
    return 1 - (2 * (p * y).sum(1) + 1e-5) / (p.sum(1) + y.sum(1) + 1e-5)


@pytest.mark.parametrize("kind", ["mse", "dice"])
def test_losses_of_pairs_do_not_depend_on_each_other(kind):
    probs, masks = random_pairs()
    order = torch.tensor([3, 1, 4, 0, 2])
    for value, reordered in zip(
        pair_losses(probs, masks, kind), pair_losses(probs[order], masks[order], kind), strict=True
    ):
        torch.testing.assert_close(value[order], reordered)


def test_ramp_up_of_the_paper():
    assert ramp_up(0, 200) == pytest.approx(math.exp(-5))
    assert ramp_up(100, 200) == pytest.approx(math.exp(-1.25))
    assert ramp_up(200, 200) == 1
    assert ramp_up(500, 200) == 1
    # of the paper's weight of 0.1: 0.0060 at iteration 7500 of 30 000, 0.029 at 15 000, 0.073 at 22 500
    assert [round(0.1 * ramp_up(it, 30_000), 4) for it in (7_500, 15_000, 22_500)] == [0.006, 0.0287, 0.0732]
