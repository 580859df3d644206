"""A network over a whole image: patches that follow a mask, and embeddings that serve again."""

import numpy as np
import torch
from fixtures.prompting import LIVER_MM, LUMP_MM, ball, image_of, moved, session_on, voxels

from nnunetv2_muduo import load_teacher
from nnunetv2_muduo.prompting import network
from nnunetv2_muduo.prompting.network import NetworkTeacher


def test_a_network_finds_the_organ(pet):
    truth, mask = ball(LIVER_MM, 60), voxels(session_on(pet).add_point(LIVER_MM))
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.4


class NetworkOfBrightVoxels(torch.nn.Module):
    """Answers every prompt with what is brighter than an SUV of 1.5 in the patch."""

    image_size, low_res_size = 24, 24

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def encode(self, image):
        return image

    def decode(self, embeddings, points, masks):
        return 10 * (embeddings > 1.5).float() - 5


def test_patches_follow_a_mask_over_the_border_and_are_encoded_once(pet, monkeypatch):
    monkeypatch.setitem(network._NORMALIZE, "pet", lambda suv: suv)
    teacher = NetworkTeacher(NetworkOfBrightVoxels(), "pet", 4.0)  # patches of 96 mm; the liver has 120
    session = session_on(pet, teacher)
    mask = voxels(session.add_point(LIVER_MM))
    assert teacher.n_encoded > 1
    bright = ball(LIVER_MM, 60) | ball(LUMP_MM, 30)  # the lump lies in a patch of the liver's
    assert 2 * (mask & bright).sum() / (mask.sum() + bright.sum()) > 0.98
    n = teacher.n_encoded
    session.add_point(moved(LIVER_MM, 5, 0, 0))
    session.undo()
    session.add_point(moved(LIVER_MM, 5, 0, 0))
    assert teacher.n_encoded == n


def test_a_further_click_costs_no_encoding():
    suv = np.where(ball((0, 0, 240), 100), 1.0, 0.01) + 2 * ball((0, 0, 240), 50)
    teacher = NetworkTeacher(load_teacher("small_pet"), "pet", 20.0)
    session = session_on(image_of(suv), teacher)
    session.add_point((0, 0, 240))
    n = teacher.n_encoded
    session.add_point((10, 0, 240))
    assert teacher.n_encoded == n


class NetworkThatCounts(NetworkOfBrightVoxels):
    """Notes how many points it is shown, and the mean of the mask before; answers with more of it at each decode."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def decode(self, embeddings, points, masks):
        self.seen.append((0 if points is None else points[1].shape[1], masks.mean().item()))
        return (masks + 1).expand(1, 1, 24, 24, 24)


def test_each_click_corrects_the_answer_before_it_and_costs_one_decode(pet, monkeypatch):
    monkeypatch.setitem(network._NORMALIZE, "pet", lambda suv: suv)
    monkeypatch.setattr(network, "MOST_PATCHES", 1)
    teacher = NetworkTeacher(NetworkThatCounts(), "pet", 20.0)
    session = session_on(pet, teacher)
    session.add_point(LIVER_MM)
    session.add_point(moved(LIVER_MM, 10, 0, 0))
    session.add_scribble([moved(LIVER_MM, 0, 10, 0), moved(LIVER_MM, 0, 60, 0)], positive=False)
    assert teacher.network.seen == [(1, 0.0), (2, 1.0), (10, 2.0)]  # a scribble's points are shown together
    session.undo()
    session.mask()
    assert len(teacher.network.seen) == 3
    session.add_point(moved(LIVER_MM, 0, 0, 20))
    assert teacher.network.seen[3:] == [(3, 2.0)]
