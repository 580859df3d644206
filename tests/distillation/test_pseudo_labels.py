import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_muduo.data.pairs import valid_pairs
from nnunetv2_muduo.distillation import pseudo_labels
from nnunetv2_muduo.distillation.mixture import Mixture
from nnunetv2_muduo.distillation.pseudo_labels import (
    agreement_of_logits,
    agreements_of_masks,
    consistency_loss,
    mix,
    soft_iou,
)


def random_maps(seed: int, n: int = 4) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((n, 5, 6, 7), dtype=np.float32))


@given(st.integers(0, 10_000))
def test_soft_iou_equals_its_formula_and_is_symmetric(seed):
    a, b = random_maps(seed).double(), random_maps(seed + 1).double()
    expected = [(x * y).sum() / ((x + y - x * y).sum() + 1e-8) for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(soft_iou(a, b).numpy(), expected, rtol=1e-10)
    torch.testing.assert_close(soft_iou(a, b), soft_iou(b, a))
    assert ((soft_iou(a, b) >= 0) & (soft_iou(a, b) <= 1)).all()


def test_soft_iou_of_masks_is_1_for_equal_and_below_1_for_different_ones():
    masks = (random_maps(0) > 0.5).float()
    other = masks.clone()
    other[:, 0, 0, 0] = 1 - other[:, 0, 0, 0]
    torch.testing.assert_close(soft_iou(masks, masks), torch.ones(4))
    assert (soft_iou(masks, other) < 1 - 1e-4).all()


@given(st.integers(0, 10_000))
def test_the_mixture_lies_between_intersection_and_union(seed):
    ct, pet = random_maps(seed), random_maps(seed + 1)
    alpha = torch.from_numpy(np.random.default_rng(seed).random(4, dtype=np.float32))
    mixed = mix(ct, pet, alpha)
    expected = (alpha.double().view(-1, 1, 1, 1) * ct + (1 - alpha.double().view(-1, 1, 1, 1)) * pet) > 0.5
    assert (mixed != expected).float().mean() < 1e-2  # voxels at the very threshold may round either way
    assert not (mixed & ~((ct > 0.5) | (pet > 0.5))).any()
    assert not ((ct > 0.5) & (pet > 0.5) & ~mixed).any()
    assert torch.equal(mix(ct, pet, torch.ones(4)), ct > 0.5)
    assert torch.equal(mix(ct, pet, torch.zeros(4)), pet > 0.5)


def make_case(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    prompt_map = torch.randint(0, 4, (3, 1, 8, 8, 8), generator=generator)
    prompt_map[1][prompt_map[1] == 2] = 0
    pairs = valid_pairs(prompt_map, [1, 2, 3])
    teacher_logits = {m: 3 * torch.randn(len(pairs), 1, 2, 2, 2, generator=generator) for m in ("ct", "pet")}
    student_logits = torch.randn(3, 4, 8, 8, 8, generator=generator, requires_grad=True)
    weights, alpha = torch.rand(len(pairs), generator=generator), torch.rand(len(pairs), generator=generator)
    return pairs, teacher_logits, student_logits, weights, alpha


def consistency_with_teachers(probs, teacher_logits, pairs, weights, alpha, kind) -> torch.Tensor:
    """The loss against the paper's mixture."""
    labels = Mixture(teacher_logits, pairs, alpha, probs.shape[2:]).labels
    return consistency_loss(probs, labels, pairs, weights, kind)


def upsampled(logits: torch.Tensor) -> torch.Tensor:
    return F.interpolate(logits, scale_factor=4, mode="trilinear").sigmoid()[:, 0]


@pytest.mark.parametrize("kind", ["mse", "dice"])
def test_loss_equals_a_loop_over_pairs(kind, monkeypatch):
    monkeypatch.setattr(pseudo_labels, "PAIRS_PER_CHUNK", 3)
    pairs, teacher_logits, student_logits, weights, alpha = make_case()
    probs = student_logits.softmax(1)
    expected = 0.0
    for k in range(len(pairs)):
        p = probs[pairs.samples[k], 1 + pairs.organs[k]]
        fused = alpha[k] * upsampled(teacher_logits["ct"])[k] + (1 - alpha[k]) * upsampled(teacher_logits["pet"])[k]
        y = (fused > 0.5).float()
        dice = 1 - (2 * (p * y).sum() + 1e-5) / (p.sum() + y.sum() + 1e-5)
        expected = expected + weights[k] * (((p - y) ** 2).mean() if kind == "mse" else dice)
    torch.testing.assert_close(consistency_with_teachers(probs, teacher_logits, pairs, weights, alpha, kind), expected)


@pytest.mark.parametrize("kind", ["mse", "dice"])
def test_gradient_equals_that_of_a_loop_over_pairs(kind, monkeypatch):
    monkeypatch.setattr(pseudo_labels, "PAIRS_PER_CHUNK", 3)
    pairs, teacher_logits, student_logits, weights, alpha = make_case()
    masks = pseudo_labels.pseudo_label(teacher_logits, alpha, (8, 8, 8)).float()
    probs = student_logits.softmax(1)
    own = 3 * consistency_with_teachers(probs, teacher_logits, pairs, weights, alpha, kind)
    (gradient,) = torch.autograd.grad(own, student_logits, retain_graph=True)
    p = probs[pairs.samples, 1 + pairs.organs].flatten(1)
    y = masks.flatten(1)
    dice = 1 - (2 * (p * y).sum(1) + 1e-5) / (p.sum(1) + y.sum(1) + 1e-5)
    losses = (p - y).square().mean(1) if kind == "mse" else dice
    (expected,) = torch.autograd.grad(3 * (weights * losses).sum(), student_logits)
    torch.testing.assert_close(gradient, expected)


def test_autograd_keeps_one_map_per_channel_and_none_per_pair():
    pairs, teacher_logits, student_logits, weights, alpha = make_case()
    probs = student_logits.softmax(1)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        consistency_with_teachers(probs, teacher_logits, pairs, weights, alpha, "mse")
    assert kept == [probs.numel()]


@pytest.mark.parametrize("kind", ["mse", "dice"])
def test_rejected_pairs_have_no_gradient(kind):
    pairs, teacher_logits, student_logits, weights, alpha = make_case()
    rejected = (pairs.samples == 0).float()
    probs = student_logits.softmax(1)
    consistency_with_teachers(probs, teacher_logits, pairs, weights * (1 - rejected), alpha, kind).backward()
    assert student_logits.grad[0].abs().max() == 0
    assert student_logits.grad[1].abs().max() > 0


def test_a_student_equal_to_the_pseudo_label_has_no_loss():
    pairs, teacher_logits, _, weights, alpha = make_case()
    targets = pseudo_labels.pseudo_label(teacher_logits, alpha, (8, 8, 8)).float()
    probs = torch.zeros(3, 4, 8, 8, 8)
    probs[pairs.samples, 1 + pairs.organs] = targets
    for kind in ("mse", "dice"):
        assert consistency_with_teachers(probs, teacher_logits, pairs, weights, alpha, kind).item() == pytest.approx(
            0, abs=1e-6
        )


def test_no_valid_pair_is_no_loss_but_still_a_gradient():
    pairs = valid_pairs(torch.zeros(2, 1, 8, 8, 8), [1, 2])
    nothing = torch.zeros(0, 1, 2, 2, 2)
    student_logits = torch.randn(2, 3, 8, 8, 8, requires_grad=True)
    teacher_logits = {"ct": nothing, "pet": nothing}
    loss = consistency_with_teachers(
        student_logits.softmax(1), teacher_logits, pairs, torch.zeros(0), torch.zeros(0), "mse"
    )
    loss.backward()
    assert loss.item() == 0
    assert student_logits.grad.abs().max() == 0
    assert agreement_of_logits(teacher_logits, (8, 8, 8)).shape == (0,)


def test_agreement_is_measured_at_patch_resolution():
    _, teacher_logits, *_ = make_case()
    expected = soft_iou(upsampled(teacher_logits["ct"]), upsampled(teacher_logits["pet"]))
    torch.testing.assert_close(agreement_of_logits(teacher_logits, (8, 8, 8)), expected)


def test_a_single_teacher_is_never_in_disagreement():
    _, teacher_logits, _, _, alpha = make_case()
    only = {"pet": teacher_logits["pet"]}
    assert agreement_of_logits(only, (8, 8, 8)).eq(1).all()
    assert torch.equal(pseudo_labels.pseudo_label(only, alpha, (8, 8, 8)), upsampled(teacher_logits["pet"]) > 0.5)


def test_masks_of_student_and_teachers_are_compared():
    pairs, teacher_logits, student_logits, *_ = make_case()
    probs = student_logits.detach().softmax(1)
    own = probs[pairs.samples, 1 + pairs.organs] > 0.5
    masks = {m: upsampled(teacher_logits[m]) > 0.5 for m in ("ct", "pet")}

    def iou(a, b):
        return ((a & b).flatten(1).sum(1) / (a | b).flatten(1).sum(1).clamp(min=1)).float()

    with_student, of_teachers = agreements_of_masks(probs, teacher_logits, pairs)
    torch.testing.assert_close(with_student, (iou(masks["ct"], own) + iou(masks["pet"], own)) / 2)
    torch.testing.assert_close(of_teachers, iou(masks["ct"], masks["pet"]))
    assert with_student.max() > 0
    only = {"ct": teacher_logits["ct"]}
    with_student, alone = agreements_of_masks(probs, only, pairs, chunk=1)
    torch.testing.assert_close(with_student, iou(masks["ct"], own))
    assert alone.eq(1).all()


def test_a_student_that_says_what_teachers_say_has_no_lead_however_sure():
    """Soft maps would give the sure student a lead: their IoU with a sharp map is higher than with themselves."""
    line = torch.linspace(-4, 4, 8).view(1, 1, 8, 1, 1).expand(1, 1, 8, 8, 8)
    answers, pairs = {"ct": line, "pet": line}, valid_pairs(torch.ones(1, 1, 8, 8, 8, dtype=torch.int16), [1])
    for sureness in (1.0, 10.0):
        own = (sureness * line).sigmoid()
        with_student, of_teachers = agreements_of_masks(torch.cat([1 - own, own], 1), answers, pairs)
        assert with_student.item() == of_teachers.item() == pytest.approx(1)


@pytest.mark.parametrize("modalities", [("ct", "pet"), ("pet",)])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_an_answer_that_is_not_finite_is_no_agreement(modalities, value):
    _, teacher_logits, *_ = make_case()
    teacher_logits = {m: teacher_logits[m] for m in modalities}
    expected = agreement_of_logits(teacher_logits, (8, 8, 8))
    teacher_logits["pet"][1, 0, 0, 0, 1] = value
    agreement = agreement_of_logits(teacher_logits, (8, 8, 8))
    assert agreement.isnan().nonzero().flatten().tolist() == [1]
    others = torch.arange(len(agreement)) != 1
    assert torch.equal(agreement[others], expected[others])
