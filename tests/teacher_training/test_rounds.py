"""Which prompts a teacher is given, round by round."""

import pytest
import torch

from nnunetv2_muduo.teacher_training.absent import FirstPrompts
from nnunetv2_muduo.teacher_training.rounds import chained_rounds, click_schedule, training_rounds
from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teacher_training.simulated_student_masks import simulated_student_probs
from nnunetv2_muduo.teachers.robots import robot


class RecordingTeacher:
    """Answers round r with logits 10 r - 15 everywhere, and remembers what it was asked."""

    low_res_size = 4

    def __init__(self):
        self.asked = []

    def decode(self, embeddings, points, masks):
        self.asked.append((embeddings, points, masks))
        return torch.full_like(masks, 10.0 * len(self.asked) - 15)


@pytest.fixture
def teacher():
    return RecordingTeacher()


@pytest.fixture
def truth():
    mask = torch.zeros(3, 8, 8, 8, dtype=torch.bool)
    mask[:, 1:6, 2:7, 1:7] = True
    return mask


def ask(teacher, truth, generator, **settings):
    settings = TrainingSettings("ct", **settings)
    embeddings, crop_index = torch.arange(2.0).reshape(2, 1, 1, 1, 1), torch.tensor([0, 1, 1])
    maps = simulated_student_probs(truth, crop_index, generator) if settings.student_like_prompts else None
    return training_rounds(teacher, embeddings, truth, crop_index, FirstPrompts(truth, maps), settings, generator)


def test_published_schedule(generator):
    schedules = [click_schedule(11, generator) for _ in range(300)]
    assert all(len(schedule) == 11 and schedule.count(False) == 2 and not schedule[-1] for schedule in schedules)
    assert {schedule.index(False) for schedule in schedules} == set(range(2, 9))


@pytest.mark.parametrize(
    ("n_rounds", "expected"), [(1, [True]), (2, [True, False]), (5, [True, True, False, True, False])]
)
def test_short_schedules(n_rounds, expected, generator):
    assert click_schedule(n_rounds, generator) == expected


def test_each_mask_prompt_is_the_answer_before(teacher, truth, generator):
    logits = ask(teacher, truth, generator, n_rounds=11)
    assert [mask.mean().item() for _, _, mask in teacher.asked] == [0, *range(-5, 95, 10)]
    assert [float(x.mean()) for x in logits] == [*range(-5, 105, 10)]
    assert all(x.shape == truth.shape for x in logits)
    n_points = [0 if points is None else points[0].shape[1] for _, points, _ in teacher.asked]
    assert n_points[::10] == [1, 0]
    assert sorted(n_points) == [0, 0] + [1] * 9


def test_every_organ_gets_its_crops_embedding(teacher, truth, generator):
    ask(teacher, truth, generator, n_rounds=2)
    assert all(embeddings.flatten().tolist() == [0, 1, 1] for embeddings, _, _ in teacher.asked)


def test_clicks_follow_the_answer_before(teacher, truth, generator):
    ask(teacher, truth, generator, n_rounds=3)
    first, second = (points for _, points, _ in teacher.asked[:2])
    for points, labels in (first, second):  # after the first answer, nothing, the organ is still missing
        assert labels.eq(1).all()
        assert all(truth[(i, *point[0].long().tolist())] for i, point in enumerate(points))
    teacher.asked = [None]  # the first answer now is everything
    list(chained_rounds(teacher, torch.zeros(3, 1), truth, [True, True], robot("random", generator), keep_clicks=False))
    points, labels = teacher.asked[2][1]
    assert labels.eq(0).all()
    assert not any(truth[(i, *point[0].long().tolist())] for i, point in enumerate(points))


def test_kept_clicks_are_repeated(teacher, truth, generator):
    list(
        chained_rounds(
            teacher, torch.zeros(3, 1), truth, [True, False, True, True], robot("random", generator), keep_clicks=True
        )
    )
    points = [p for _, p, _ in teacher.asked]
    assert points[1] is None
    assert [p[0].shape for p in points if p] == [(3, 1, 3), (3, 2, 3), (3, 3, 3)]
    assert torch.equal(points[3][0][:, :2], points[2][0])


def test_several_points_in_the_first_round_alone(truth, generator):
    numbers = set()
    for _ in range(40):
        teacher = RecordingTeacher()
        ask(teacher, truth, generator, n_rounds=3, first_points=3)
        numbers.add(teacher.asked[0][1][0].shape[1])
        assert teacher.asked[1][1][0].shape[1] == 1
    assert numbers == {1, 2, 3}


def test_a_round_with_a_student_like_mask_comes_on_top(teacher, truth, generator):
    rounds = ask(teacher, truth, generator, n_rounds=3, student_like_prompts=True)
    assert len(rounds) == 4
    _, points, masks = teacher.asked[-1]
    assert points is None
    assert masks.abs().max() < 9.22
    assert masks.flatten(1).std(1).gt(0.1).all()


def test_a_quarter_of_the_chains_begin_with_a_student_like_mask(truth, generator):
    began = []
    for _ in range(60):
        teacher = RecordingTeacher()
        ask(teacher, truth, generator, n_rounds=3, student_like_prompts=True)
        (_, points, mask), (_, _, own_prompt) = teacher.asked[0], teacher.asked[-1]
        began.append(bool(mask.any()))
        if mask.any():  # the mask that the round on top has too, and a click where it errs
            assert torch.equal(mask, own_prompt)
            assert points[1].shape == (3, 1)
    assert 5 < sum(began) < 26


def test_one_round_never_begins_with_a_mask(truth, generator):
    for _ in range(20):
        teacher = RecordingTeacher()
        ask(teacher, truth, generator, n_rounds=1, student_like_prompts=True)
        assert not teacher.asked[0][2].any()


def test_later_rounds_may_have_several_clicks(truth, generator):
    numbers = set()
    for _ in range(40):
        teacher = RecordingTeacher()
        ask(teacher, truth, generator, n_rounds=4, max_clicks=3)
        numbers.add(teacher.asked[1][1][0].shape[1])
        assert teacher.asked[0][1][0].shape[1] == 1
    assert numbers == {1, 2, 3}


def test_chains_of_each_robot(truth, generator):
    begun = set()
    for _ in range(40):
        teacher = RecordingTeacher()
        ask(teacher, truth, generator, n_rounds=2, robots=("center", "border"))
        (place, *_) = teacher.asked[0][1][0][0].long().tolist()
        begun.add(tuple(place))
    middle = (3, 4, 3)
    assert begun & {middle, (3, 4, 4)}
    assert all(place[0] in (1, 5) or place[1] in (2, 6) or place[2] in (1, 6) for place in begun - {middle, (3, 4, 4)})
    assert len(begun) > 10


def test_absent_organs_are_clicked_where_they_are_thought_to_be(teacher, generator):
    pointed = torch.zeros(2, 8, 8, 8, dtype=torch.bool)
    pointed[:, :4, :4, :4] = True
    nothing, settings = torch.zeros_like(pointed), TrainingSettings("ct", n_rounds=3, first_points=3)
    first = FirstPrompts(pointed)
    training_rounds(
        teacher, torch.zeros(1, 1, 1, 1, 1), nothing, torch.zeros(2, dtype=torch.long), first, settings, generator
    )
    (_, (places, labels), _), (_, (_, later_labels), _), _ = teacher.asked
    assert labels.eq(1).all()
    assert (places < 4).all()
    assert later_labels.eq(-1).all()  # the first answer was nothing: there is nothing to correct


def test_some_first_points_of_student_like_maps_lie_off_the_organ(generator):
    truth = torch.zeros(3, 8, 8, 8, dtype=torch.bool)
    truth[:2, :4], truth[2, 4:] = True, True  # the last two share a crop, and may be taken for one

    def outside(**settings) -> float:
        """Part of the points of several rounds that lie outside their organs."""
        found = []
        for _ in range(20):
            teacher = RecordingTeacher()
            ask(teacher, truth, generator, n_rounds=1, first_points=3, **settings)
            places, labels = teacher.asked[0][1]
            index = torch.arange(len(truth))[:, None].expand(labels.shape)
            found.append(~truth[(index, *places.long().unbind(-1))][labels == 1])
        return torch.cat(found).float().mean().item()

    assert outside() == 0
    assert 0 < outside(student_like_prompts=True) < 0.2
