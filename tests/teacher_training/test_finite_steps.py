"""Updates that values that are not finite never reach."""

import pytest
import torch

from nnunetv2_muduo.teacher_training.finite_steps import MOST_SKIPPED_IN_A_ROW, step_where_finite


def optimizer_of(*weights):
    return torch.optim.AdamW(weights, lr=0.1)


def test_a_finite_gradient_is_followed_and_another_is_not():
    weight, other, unused = (torch.nn.Parameter(torch.ones(3)) for _ in range(3))
    optimizer = optimizer_of(weight, other, unused)
    weight.grad, other.grad = torch.ones(3), torch.ones(3)
    assert step_where_finite(optimizer, 5) == 0
    assert (weight < 1).all()
    before, state = [weight.clone(), other.clone()], optimizer.state[weight]["exp_avg"].clone()
    for bad in (torch.nan, torch.inf):
        other.grad[1] = bad
        assert step_where_finite(optimizer, 2) == 3
        assert torch.equal(weight, before[0])
        assert torch.equal(other, before[1])
        assert torch.equal(optimizer.state[weight]["exp_avg"], state)


def test_without_end_it_is_an_error():
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.full((3,), torch.nan)
    optimizer = optimizer_of(weight)
    assert step_where_finite(optimizer, MOST_SKIPPED_IN_A_ROW - 2) == MOST_SKIPPED_IN_A_ROW - 1
    with pytest.raises(RuntimeError, match="not finite in 20 steps in a row, none of which has touched the weights"):
        step_where_finite(optimizer, MOST_SKIPPED_IN_A_ROW - 1)
