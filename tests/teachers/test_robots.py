"""Robot users: where each kind clicks in errors that were made by hand."""

import numpy as np
import pytest
import torch

from nnunetv2_muduo.teachers.robots import center_of_largest, near_border, robot

SHAPE = (12, 12, 12)
KINDS = ["center", "random", "border"]


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


def test_there_are_three_kinds(generator):
    with pytest.raises(KeyError):
        robot("careless", generator)
