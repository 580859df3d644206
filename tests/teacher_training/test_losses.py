"""Losses against a few lines of plain arithmetic."""

import math

import pytest
import torch

from nnunetv2_muduo.teacher_training.losses import dice_bce, sum_over_rounds

LOGITS = torch.tensor([[[0.5, -1.0, 2.0, 0.0]], [[-3.0, 1.0, 0.2, 4.0]]])
TRUTH = torch.tensor([[[1, 0, 1, 0]], [[0, 0, 0, 1]]], dtype=torch.bool)


def reference(logits: list[float], truth: list[int]) -> float:
    probs = [1 / (1 + math.exp(-x)) for x in logits]
    overlap = sum(p * y for p, y in zip(probs, truth, strict=True))
    total = sum(p * p for p in probs) + sum(truth)
    entropy = -sum(math.log(p if y else 1 - p) for p, y in zip(probs, truth, strict=True)) / len(truth)
    return 1 - (2 * overlap + 1e-5) / (total + 1e-5) + entropy


def test_dice_and_cross_entropy():
    expected = [reference(x[0], y[0]) for x, y in zip(LOGITS.tolist(), TRUTH.int().tolist(), strict=True)]
    assert dice_bce(LOGITS, TRUTH).tolist() == pytest.approx(expected, rel=1e-5)


def test_an_absent_object_costs_by_the_size_of_the_answer():
    nothing = torch.zeros(3, 1000, dtype=torch.bool)
    logits = torch.full((3, 1000), -30.0)
    logits[1, :10], logits[2, :990] = 30.0, 30.0
    cross_entropy = torch.tensor([0, 0.3, 29.7])
    expected = torch.tensor([0, 0.5, 0.99])  # a part of the crop of 0.01 costs half
    torch.testing.assert_close(dice_bce(logits, nothing) - cross_entropy, expected, atol=1e-3, rtol=0)


def test_extreme_logits_cost_finitely_much():
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    loss = dice_bce(logits, torch.tensor([[False, True]])).sum()
    loss.backward()
    assert loss.item() == pytest.approx(201, abs=0.1)
    assert logits.grad.isfinite().all()


def test_rounds_add_up_and_organs_average():
    rounds = [LOGITS, 2 * LOGITS, -LOGITS]
    expected = torch.stack([dice_bce(logits, TRUTH) for logits in rounds]).sum(0).mean()
    assert sum_over_rounds(rounds, TRUTH) == pytest.approx(expected.item())


def test_rectified_labels_have_a_third_of_the_loss():
    rounds, rectified = [LOGITS, 0.5 * LOGITS], torch.stack([TRUTH[0], ~TRUTH[1]])
    clean = sum(dice_bce(logits, TRUTH) for logits in rounds)
    mixed = sum((2 * dice_bce(logits, TRUTH) + dice_bce(logits, rectified)) / 3 for logits in rounds)
    assert clean[0] == mixed[0]
    assert clean[1] != mixed[1]
    assert sum_over_rounds(rounds, TRUTH, rectified).item() == pytest.approx(mixed.mean().item())
