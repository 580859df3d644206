"""Rectified labels against numbers by hand, and by a teacher that answers as it is told."""

import torch

from nnunetv2_muduo.teacher_training.confident_learning import N_CLICKS, answers_to_clicks, rectified_mask, rectify

TRUTH = torch.zeros(3, 8, 8, 8, dtype=torch.bool)
TRUTH[0, :4], TRUTH[1, 4:] = True, True
LEFT_OUT = (..., 0, 7, 7)  # of the label, by the teacher below


class Answering:
    """A teacher that knows objects 0 and 1 but for a voxel, answers nothing else, and keeps what it was asked."""

    low_res_size = 8

    def __init__(self):
        self.points = []

    def decode(self, embeddings, points, masks):
        assert not masks.any()
        self.points.append(points)
        known_mask = TRUTH[embeddings.flatten().long()].clone()
        known_mask[LEFT_OUT] = False
        return torch.where(known_mask, 5.0, -5.0)[:, None]


def test_certain_answers_take_the_place_of_the_label():
    # variances of (0, 1), (0.5, 0.5), (0.6, 0.9), (0, 0.2): 0.25, 0, 0.0225, 0.01; their mean 0.07; means 0.5, 0.5, 0.75, 0.1
    probs = torch.tensor([[[0.0, 0.5, 0.6, 0.0]], [[1.0, 0.5, 0.9, 0.2]]])
    truth = torch.tensor([[True, True, False, True]])
    assert rectify(probs, truth).tolist() == [[True, False, True, False]]
    assert rectify(probs, ~truth).tolist() == [[False, False, True, False]]


def test_a_label_that_the_answers_agree_with_stays_as_it_is():
    answers = TRUTH.float() * 0.8 + 0.1
    assert torch.equal(rectify(answers.expand(5, *answers.shape), TRUTH), TRUTH)


def test_every_answer_has_a_click_of_its_own_inside_its_object():
    teacher, generator = Answering(), torch.Generator().manual_seed(0)
    probs = answers_to_clicks(teacher, torch.tensor([0.0, 1.0])[:, None], TRUTH[:2], generator)
    assert probs.shape == (N_CLICKS, 2, 8, 8, 8)
    assert len({tuple(points.flatten().tolist()) for points, _ in teacher.points}) > 1
    for points, labels in teacher.points:
        assert labels.tolist() == [[1], [1]]
        for mask, (x, y, z) in zip(TRUTH[:2], points[:, 0].long().tolist(), strict=True):
            assert mask[x, y, z]


def test_labels_of_low_quality_alone_are_rectified_and_empty_ones_stay_empty():
    teacher, embeddings = Answering(), torch.tensor([0.0, 1.0, 0.0])[:, None].requires_grad_()
    is_noisy = torch.tensor([True, False, True])
    rectified = rectified_mask(teacher, embeddings, TRUTH, is_noisy, torch.Generator().manual_seed(0))
    expected = TRUTH.clone()
    expected[0][LEFT_OUT] = False
    assert torch.equal(rectified, expected)
    assert not rectified.requires_grad
    teacher = Answering()
    assert rectified_mask(teacher, embeddings, TRUTH, is_noisy & False, torch.Generator()) is TRUTH
    assert not teacher.points
