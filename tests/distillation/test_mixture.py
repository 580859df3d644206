"""The mixture's rules and its third voice, against a few lines for each voxel."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nnunetv2_muduo.data.pairs import valid_pairs
from nnunetv2_muduo.distillation.mixture import Mixture
from nnunetv2_muduo.distillation.pseudo_labels import consistency_loss, pseudo_label

SIZE = (8, 8, 8)


def make_case(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    prompt_map = torch.randint(0, 4, (3, 1, *SIZE), generator=generator)
    prompt_map[1][prompt_map[1] == 2] = 0
    pairs = valid_pairs(prompt_map, [1, 2, 3])
    teacher_logits = {m: 3 * torch.randn(len(pairs), 1, 2, 2, 2, generator=generator) for m in ("ct", "pet")}
    average_probs = torch.randn(3, 4, *SIZE, generator=generator).softmax(1)
    return pairs, teacher_logits, torch.rand(len(pairs), generator=generator), average_probs


def mixed_by_hand(pairs, teacher_logits, alpha, average_probs=None, average_share=0.0) -> np.ndarray:
    mixed = []
    for k in range(len(pairs)):
        ct, pet = (
            F.interpolate(teacher_logits[m][k : k + 1], SIZE, mode="trilinear").sigmoid()[0, 0] for m in ("ct", "pet")
        )
        of_teachers = alpha[k] * ct + (1 - alpha[k]) * pet
        own = 0 if average_probs is None else average_probs[pairs.samples[k], 1 + pairs.organs[k]]
        mixed.append(((1 - average_share) * of_teachers + average_share * own).numpy())
    return np.stack(mixed)


def far_from(values: np.ndarray, other) -> np.ndarray:
    """Where a rounded bit turns no label over."""
    return np.abs(values - other) > 1e-5


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_soft_labels_are_the_mixture_itself(share):
    pairs, logits, alpha, average = make_case()
    voice = average if share else None
    mixture = Mixture(logits, pairs, alpha, SIZE, "soft", voice, share)
    expected = mixed_by_hand(pairs, logits, alpha, voice, share)
    for part in (slice(0, 3), slice(3, len(pairs))):
        np.testing.assert_allclose(mixture.labels(part).numpy(), expected[part], atol=1e-6)


def test_a_third_voice_moves_the_threshold():
    pairs, logits, alpha, average = make_case()
    everything = slice(0, len(pairs))
    masks = Mixture(logits, pairs, alpha, SIZE, "threshold", average, 0.5).labels(everything)
    expected = mixed_by_hand(pairs, logits, alpha, average, 0.5)
    clear = far_from(expected, 0.5)
    assert masks.dtype == torch.bool
    assert np.array_equal(masks.numpy()[clear], (expected > 0.5)[clear])
    of_teachers = Mixture(logits, pairs, alpha, SIZE).labels(everything)
    assert torch.equal(of_teachers, pseudo_label(logits, alpha, SIZE))
    assert not torch.equal(masks, of_teachers)


def test_by_argmax_a_voxel_belongs_to_one_organ_of_its_patch():
    pairs, logits, alpha, _ = make_case()
    masks = Mixture(logits, pairs, alpha, SIZE, "argmax").labels(slice(0, len(pairs))).numpy()
    mixed, n_overlapping = mixed_by_hand(pairs, logits, alpha), 0
    for sample in range(3):
        of_sample = pairs.of_sample(sample)
        highest = mixed[of_sample].max(0)
        expected = (mixed[of_sample] == highest) & (mixed[of_sample] > 0.5)
        clear = far_from(highest, 0.5) & far_from(np.sort(mixed[of_sample], 0)[-2], highest)
        assert np.array_equal(masks[of_sample][:, clear], expected[:, clear])
        assert masks[of_sample].sum(0).max() == 1
        n_overlapping += ((mixed[of_sample] > 0.5).sum(0) > 1).sum()
    assert n_overlapping > 0


@pytest.mark.parametrize("rule", ["threshold", "argmax", "soft"])
@pytest.mark.parametrize("kind", ["mse", "dice"])
def test_loss_and_gradient_of_each_rule_equal_autograds(rule, kind):
    pairs, logits, alpha, average = make_case()
    weights = torch.rand(len(pairs), generator=torch.Generator().manual_seed(1))
    student_logits = torch.randn(3, 4, *SIZE, generator=torch.Generator().manual_seed(2), requires_grad=True)
    mixture = Mixture(logits, pairs, alpha, SIZE, rule, average, 0.3)
    loss = consistency_loss(student_logits.softmax(1), mixture.labels, pairs, weights, kind)
    (gradient,) = torch.autograd.grad(loss, student_logits)
    p = student_logits.softmax(1)[pairs.samples, 1 + pairs.organs].flatten(1)
    y = mixture.labels(slice(0, len(pairs))).float().flatten(1)
    dice = 1 - (2 * (p * y).sum(1) + 1e-5) / (p.sum(1) + y.sum(1) + 1e-5)
    expected = (weights * ((p - y).square().mean(1) if kind == "mse" else dice)).sum()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, student_logits)[0])


@pytest.mark.parametrize("rule", ["threshold", "argmax", "soft"])
def test_an_answer_that_is_no_number_spoils_no_other(rule):
    pairs, logits, alpha, average = make_case()
    expected = Mixture(logits, pairs, alpha, SIZE, rule, average, 0.3).labels(slice(0, len(pairs)))
    broken = {**logits, "ct": logits["ct"].clone()}
    broken["ct"][0] = torch.nan
    labels = Mixture(broken, pairs, alpha, SIZE, rule, average, 0.3).labels(slice(0, len(pairs)))
    assert labels.isfinite().all()
    assert labels[0].sum() == 0
    other_samples = pairs.samples != pairs.samples[0]
    assert torch.equal(labels[other_samples], expected[other_samples])


@pytest.mark.parametrize("rule", ["threshold", "argmax", "soft"])
def test_one_teacher_alone_is_its_own_mixture(rule):
    pairs, logits, alpha, _ = make_case()
    only = {"pet": logits["pet"]}
    expected = mixed_by_hand(pairs, logits, torch.zeros_like(alpha))
    labels = Mixture(only, pairs, alpha, SIZE, rule).labels(slice(0, len(pairs))).numpy()
    if rule == "soft":
        np.testing.assert_allclose(labels, expected, atol=1e-6)
    else:
        assert not (labels & (expected < 0.5 - 1e-5)).any()
