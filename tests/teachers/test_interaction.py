"""A promptable network asked in rounds: where clicks lie, and how answers vary."""

import pytest
import torch

from nnunetv2_muduo.teachers.interaction import ask_with_clicks, ask_with_mask, last_and_variance


class RecordingTeacher:
    """Answers each round with given logits everywhere, and remembers what it was asked."""

    low_res_size = 4

    def __init__(self, logits):
        self.logits, self.asked = list(logits), []

    def decode(self, embeddings, points, masks):
        self.asked.append((embeddings, points, masks))
        return torch.full((max(len(embeddings), len(masks)), 1, 4, 4, 4), self.logits[len(self.asked) - 1])


@pytest.fixture
def organs():
    mask = torch.zeros(2, 16, 16, 16, dtype=torch.bool)
    mask[0, 3:9, 4:7, 10:15] = True
    mask[1, 12, 12, 12] = True
    return mask


def test_first_clicks_lie_in_their_organs_and_later_ones_where_the_answer_is_wrong(organs, generator):
    teacher = RecordingTeacher([-5.0, 5.0, 5.0, 5.0])
    ask_with_clicks(teacher, torch.zeros(1, 1, 1, 1, 1), organs, 4, generator)
    places, labels = teacher.asked[3][1]
    assert places.shape == (2, 4, 3)  # they add up
    for organ, points, signs in zip(organs, places.long(), labels, strict=True):
        within = [bool(organ[tuple(point)]) for point in points.tolist()]
        assert within == [True, True, False, False]  # missing twice, then too much
        assert signs.tolist() == [1, 1, 0, 0]


def test_each_organ_is_asked_with_the_patchs_one_embedding(organs, generator):
    embedding = torch.full((1, 3, 1, 1, 1), 7.0)
    teacher = RecordingTeacher([0.0] * 2)
    ask_with_clicks(teacher, embedding, organs, 2, generator)
    assert all(torch.equal(asked, embedding.expand(2, -1, -1, -1, -1)) for asked, _, _ in teacher.asked)


def test_the_last_answer_and_the_variance_of_all(organs, generator):
    logits = [-2.0, 3.0, 0.5, 1.0]
    mask, variance = ask_with_clicks(RecordingTeacher(logits), torch.zeros(1, 1, 1, 1, 1), organs, 4, generator)
    assert mask.shape == variance.shape == organs.shape
    assert mask.all()
    expected = torch.tensor(logits).sigmoid().var(correction=0)
    torch.testing.assert_close(variance, torch.full(organs.shape, float(expected)))


def test_variance_is_that_of_all_rounds_together():
    rounds = torch.rand(7, 2, 3, 3, 3, dtype=torch.float64)
    mask, variance = last_and_variance(iter(rounds))
    torch.testing.assert_close(variance, rounds.var(0, correction=0))
    assert torch.equal(mask, rounds[-1] > 0.5)
    assert float(last_and_variance(iter(rounds[:1]))[1].max()) == 0


def test_a_mask_is_asked_once_as_logits(organs):
    teacher = RecordingTeacher([1.0])
    mask, variance = ask_with_mask(teacher, torch.zeros(1, 1, 1, 1, 1), organs.float())
    assert mask.all()
    assert not variance.any()
    (_, points, prompts) = teacher.asked[0]
    assert points is None
    assert prompts.shape == (2, 1, 4, 4, 4)
    assert prompts.min() == pytest.approx(torch.logit(torch.tensor(0.0), eps=1e-4))
