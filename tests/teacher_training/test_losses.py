"""Losses against a few lines of plain arithmetic, rectified labels against numbers by hand."""

import math

import pytest
import torch

from nnunetv2_muduo.teacher_training.losses import dice_bce, rectify, sum_over_rounds

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
    assert sum_over_rounds(rounds, TRUTH, torch.tensor([False, False])) == pytest.approx(expected.item())


def test_certain_answers_take_the_place_of_the_label():
    # variances of (0, 1), (0.5, 0.5), (0.6, 0.9), (0, 0.2): 0.25, 0, 0.0225, 0.01; their mean 0.07; means 0.5, 0.5, 0.75, 0.1
    probs = torch.tensor([[[0.0, 0.5, 0.6, 0.0]], [[1.0, 0.5, 0.9, 0.2]]])
    truth = torch.tensor([[True, True, False, True]])
    assert rectify(probs, truth).tolist() == [[True, False, True, False]]
    assert rectify(probs, ~truth).tolist() == [[False, False, True, False]]


def test_a_label_that_the_answers_agree_with_stays_as_it_is():
    answers = TRUTH[:, 0].float() * 0.8 + 0.1
    assert torch.equal(rectify(answers.expand(5, *answers.shape), TRUTH[:, 0]), TRUTH[:, 0])


def test_labels_of_low_quality_share_the_loss_with_rectified_ones():
    rounds = [LOGITS, 0.5 * LOGITS]
    rectified = rectify(torch.stack(rounds).sigmoid(), TRUTH)
    assert not torch.equal(rectified[1], TRUTH[1])
    clean = sum(dice_bce(logits, TRUTH) for logits in rounds)
    mixed = sum((2 * dice_bce(logits, TRUTH) + dice_bce(logits, rectified)) / 3 for logits in rounds)
    loss = sum_over_rounds(rounds, TRUTH, torch.tensor([False, True]))
    assert loss.item() == pytest.approx((clean[0] + mixed[1]).item() / 2)
    assert loss.item() != pytest.approx(clean.mean().item())
