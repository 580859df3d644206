"""Spoiled masks: still about the organ, never quite it."""

import pytest
import torch

from nnunetv2_muduo.teacher_training.simulated_student_masks import simulated_student_probs

N = 200


@pytest.fixture
def organs():
    """Two balls of one crop, in turn."""
    grid = torch.stack(torch.meshgrid(*[torch.arange(32.0)] * 3, indexing="ij"), -1)
    centers = torch.tensor([(10.0, 12.0, 12.0), (20.0, 20.0, 18.0)])
    return torch.stack([(grid - center).norm(dim=-1) < 6 for center in centers]).repeat(N // 2, 1, 1, 1)


@pytest.fixture
def probs(organs, generator):
    crop_index = torch.arange(N // 2).repeat_interleave(2)
    return torch.cat(
        [simulated_student_probs(o, c, generator) for o, c in zip(organs.split(4), crop_index.split(4), strict=True)]
    )


def test_they_are_probabilities_of_varied_confidence(probs):
    assert probs.min() >= 0
    assert probs.max() <= 1
    peaks = probs.flatten(1).amax(1)
    assert peaks.min() < 0.55
    assert peaks.max() > 0.9


def test_they_overlap_with_the_organ_to_all_degrees(organs, probs):
    predicted, truth = (probs > 0.5 * probs.flatten(1).amax(1)[:, None, None, None]).flatten(1), organs.flatten(1)
    dice = 2 * (predicted & truth).sum(1) / (predicted.sum(1) + truth.sum(1))
    assert 0.4 < dice.median() < 0.85
    assert dice.min() < 0.35
    assert dice.max() > 0.8
    assert dice.max() < 1


def test_some_spill_into_the_neighbor_of_the_same_crop_only(organs, generator):
    one_crop, own_crops = torch.zeros(N, dtype=torch.long), torch.arange(N)
    other = organs.roll(1, 0)

    def share(crop_index):
        probs = simulated_student_probs(organs, crop_index, generator)
        inside, outside = ((probs * m).flatten(1).sum(1) / m.flatten(1).sum(1) for m in (organs, other))
        return (outside > 0.7 * inside).float().mean()

    assert share(own_crops) < 0.08
    assert 0.1 < share(one_crop) < 0.5


def test_the_same_generator_spoils_in_the_same_way(organs):
    crop_index = torch.arange(4) // 2
    spoiled = [simulated_student_probs(organs[:4], crop_index, torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert torch.equal(spoiled[0], spoiled[1])
    assert not torch.equal(spoiled[0], spoiled[2])
