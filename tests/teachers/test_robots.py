"""Robot users: where each kind clicks in errors that were made by hand."""

import numpy as np
import pytest
import torch

from nnunetv2_muduo.teachers.robots import ROBOTS, center_of_largest, near_border, robot, several_at_once

SHAPE = (12, 12, 12)
KINDS = list(ROBOTS)


def box(start, stop):
    mask = torch.zeros(SHAPE, dtype=torch.bool)
    mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    return mask


@pytest.mark.parametrize("kind", KINDS)
def test_clicks_lie_in_the_error_and_say_of_which_kind_it_is(kind, generator):
    organ = box((2, 2, 2), (9, 9, 9))
    answers = torch.stack([torch.zeros_like(organ), torch.ones_like(organ), organ, organ & (torch.arange(12) < 5)])
    truths = organ.expand(4, *SHAPE)
    points, labels = robot(kind, generator)(answers, truths)
    assert points.shape == (4, 1, 3)
    assert labels[:, 0].tolist() == [1, 0, -1, 1]
    for answer, truth, point, label in zip(answers, truths, points[:, 0].long().tolist(), labels[:, 0], strict=True):
        assert label == -1 or (answer ^ truth)[tuple(point)]


def test_careful_users_click_the_middle_of_the_largest_error():
    error = (box((0, 0, 0), (3, 3, 3)) | box((5, 5, 5), (12, 12, 12))).numpy()
    assert center_of_largest(error) == (8, 8, 8)  # at the image's border too an error ends
    assert center_of_largest(box((0, 0, 0), (1, 2, 1)).numpy()) == (0, 0, 0)


def test_hasty_users_click_an_error_near_its_border(generator):
    error = box((2, 2, 2), (9, 9, 9)).numpy()
    clicked = {near_border(error, generator) for _ in range(200)}
    assert len(clicked) > 50
    for voxel in clicked:
        assert any(index in (2, 8) for index in voxel)


def test_random_users_click_everywhere(generator):
    organ = box((2, 2, 2), (5, 5, 5))[None]
    click = robot("random", generator)
    clicked = {tuple(click(torch.zeros_like(organ), organ)[0][0, 0].tolist()) for _ in range(300)}
    assert clicked == {tuple(map(float, voxel)) for voxel in np.argwhere(organ[0].numpy())}


@pytest.mark.parametrize("kind", KINDS)
def test_several_clicks_at_once_lie_apart(kind, generator):
    organ = box((1, 1, 1), (11, 11, 11))[None].expand(2, *SHAPE)
    click = several_at_once(robot(kind, generator), 3, generator)
    numbers = set()
    for _ in range(20):
        points, labels = click(torch.zeros_like(organ), organ)
        numbers.add(points.shape[1])
        assert labels.shape == points.shape[:2] == (2, points.shape[1])
        assert labels.eq(1).all()
        for of_one in points:
            apart = (of_one[:, None] - of_one[None]).abs().amax(-1)
            assert apart[~torch.eye(len(of_one), dtype=torch.bool)].gt(2).all()
    assert numbers == {1, 2, 3}


def test_clicks_that_find_nothing_more_are_no_points(generator):
    organ = box((4, 4, 4), (6, 6, 6))[None]
    click = several_at_once(robot("center", generator), 3, generator)
    answers = [click(torch.zeros_like(organ), organ)[1][0].tolist() for _ in range(20)]
    assert {tuple(labels) for labels in answers} == {(1,), (1, -1), (1, -1, -1)}


def test_one_click_at_most_is_the_user_as_such(generator):
    user = robot("random", generator)
    assert several_at_once(user, 1, generator) is user


def test_there_are_three_kinds(generator):
    with pytest.raises(KeyError):
        robot("careless", generator)
