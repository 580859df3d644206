"""Uncertainty of a teacher's passes against the formulas of UA-MT, written out."""

import math

import numpy as np
import pytest
import torch

from nnunetv2_muduo.distillation.uncertainty import (
    certainty_weighted_difference,
    entropy_nats,
    entropy_threshold_nats,
    masked_squared_difference,
    mean_of_passes,
)


def test_entropy_is_that_of_each_voxel_in_nats():
    probs = torch.tensor([[0.25] * 4, [1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.7, 0.1, 0.1, 0.1]], dtype=torch.float64)
    entropy = entropy_nats(probs.T.reshape(1, 4, 2, 2, 1))
    expected = [math.log(4), 0, math.log(2), -0.7 * math.log(0.7) - 0.3 * math.log(0.1)]
    np.testing.assert_allclose(entropy.flatten().numpy(), expected, rtol=1e-12)
    assert entropy.shape == (1, 1, 2, 2, 1)


def test_mean_of_passes_takes_one_at_a_time():
    passes = torch.rand(8, 2, 3, 4, 4, 4)
    alive = []

    def one_by_one():
        for probs in passes:
            alive.append(1)
            yield probs

    torch.testing.assert_close(mean_of_passes(one_by_one()), passes.mean(0))
    assert len(alive) == 8


@pytest.mark.parametrize("n_classes", [2, 3, 11])
def test_threshold_rises_from_three_quarters_of_the_highest_entropy(n_classes):
    highest = math.log(n_classes)
    assert entropy_threshold_nats(0, 100, n_classes) == pytest.approx((0.75 + 0.25 * math.exp(-5)) * highest)
    assert entropy_threshold_nats(50, 100, n_classes) == pytest.approx((0.75 + 0.25 * math.exp(-1.25)) * highest)
    assert entropy_threshold_nats(100, 100, n_classes) == pytest.approx(highest)


def test_loss_over_the_certain_share_is_the_mean_over_certain_voxels_and_classes():
    student, teacher = torch.rand(2, 2, 5, 3, 3, 3, dtype=torch.float64)
    certain = torch.rand(2, 1, 3, 3, 3) > 0.6
    by_hand, n = 0.0, 0
    for b, _, i, j, k in certain.nonzero().tolist():
        by_hand += float(((student[b, :, i, j, k] - teacher[b, :, i, j, k]) ** 2).sum())
        n += 1
    loss = masked_squared_difference(student, teacher, certain) / certain.double().mean()
    assert float(loss) == pytest.approx(by_hand / (5 * n))
    assert float(masked_squared_difference(student, teacher, torch.zeros_like(certain))) == 0


def test_certain_voxels_weigh_more_in_the_difference_from_an_answer():
    probs = torch.rand(3, 4, 4, 4, dtype=torch.float64, requires_grad=True)
    mask, variance = torch.rand(3, 4, 4, 4) > 0.5, torch.rand(3, 4, 4, 4, dtype=torch.float64) / 4
    losses = certainty_weighted_difference(probs, mask, variance)
    for organ in range(3):
        weights = 1 - 4 * variance[organ]
        expected = ((probs[organ].detach() - mask[organ].double()) ** 2 * weights).sum() / weights.sum()
        assert float(losses[organ]) == pytest.approx(float(expected))
    assert torch.autograd.gradcheck(lambda p: certainty_weighted_difference(p, mask, variance), (probs,))
    unsure = torch.full_like(variance, 0.25)
    assert not certainty_weighted_difference(probs, mask, unsure).any()  # nothing is certain: nothing is taught
