"""Loss and measure of a fine-tuning against literal loops."""

import pytest
import torch

from nnunetv2_muduo.teacher_training.train2d.losses import cross_entropy_and_dice, mean_dice, organ_counts


def example():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, 6, generator=generator)
    labels = torch.randint(0, 3, (2, 5, 6), generator=generator, dtype=torch.int16)
    labels[0, :2] = 255
    return logits, labels


def test_loss_equals_a_loop_over_pixels():
    logits, labels = example()
    probs, terms = logits.softmax(1), []
    overlap, total = [0.0] * 3, [0.0] * 3
    for n, y, x in torch.cartesian_prod(*map(torch.arange, labels.shape)).tolist():
        if labels[n, y, x] == 255:
            continue
        terms.append(-probs[n, labels[n, y, x], y, x].log())
        for value in range(3):
            p, is_it = float(probs[n, value, y, x]), float(labels[n, y, x] == value)
            overlap[value] += p * is_it
            total[value] += p * p + is_it
    dice = sum(2 * o / t for o, t in zip(overlap, total, strict=True)) / 3
    expected = 0.5 * (float(torch.stack(terms).mean()) + 1 - dice)
    assert float(cross_entropy_and_dice(logits, labels)) == pytest.approx(expected, abs=1e-5)


def test_pixels_without_a_class_have_no_gradient():
    logits, labels = example()
    logits.requires_grad_()
    cross_entropy_and_dice(logits, labels).backward()
    assert not logits.grad[0, :, :2].any()
    assert logits.grad[0, :, 2:].any()


def test_dice_is_that_of_all_voxels_and_of_organs_that_are_there():
    truth = torch.tensor([[0, 1, 1, 2, 255]])
    counts = organ_counts(torch.tensor([[0, 1, 2, 2, 1]]), truth, 5)
    assert counts.tolist() == [[1, 2], [1, 3], [1, 3], [0, 0], [0, 0]]
    assert mean_dice(counts) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert mean_dice(torch.zeros(3, 2)) is None, "without any organ nothing is measured"
