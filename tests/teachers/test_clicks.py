"""Clicks against a loop over voxels."""

from collections import Counter

import pytest
import torch
from scipy import ndimage

from nnunetv2_muduo.teachers.clicks import error_clicks, interior_points, random_voxels


@pytest.fixture
def masks(generator):
    """Predictions and truths of four organs; the third is right already."""
    prediction, truth = (torch.rand(4, 5, 6, 7, generator=generator) > 0.6 for _ in range(2))
    prediction[2] = truth[2]
    return prediction, truth


def test_clicks_correct_an_error(masks, generator):
    prediction, truth = masks
    for _ in range(50):
        points, labels = error_clicks(prediction, truth, generator)
        assert points.shape == (4, 1, 3)
        for organ in (0, 1, 3):
            voxel = (organ, *points[organ, 0].long().tolist())
            assert prediction[voxel] != truth[voxel]
            assert labels[organ, 0] == int(truth[voxel])
        assert labels[2, 0] == -1


def test_every_wrong_voxel_is_as_likely(generator):
    truth = torch.zeros(1, 3, 3, 3, dtype=torch.bool)
    truth[0, 0, 0] = True
    prediction = torch.zeros_like(truth)
    prediction[0, 2, 2, :2] = True
    expected = {(0, 0, 0, 1), (0, 0, 1, 1), (0, 0, 2, 1), (2, 2, 0, 0), (2, 2, 1, 0)}
    counts = Counter()
    for _ in range(2000):
        points, labels = error_clicks(prediction, truth, generator)
        counts[(*points[0, 0].long().tolist(), labels.item())] += 1
    assert set(counts) == expected
    assert all(abs(n - 400) < 80 for n in counts.values())  # four standard deviations


def test_interior_points_lie_off_the_surface_and_apart(generator):
    truth = torch.zeros(2, 9, 9, 9, dtype=torch.bool)
    truth[0, 2:7, 2:7, 2:7] = True
    truth[1, 4, 4, 2:4] = True  # all surface, and fewer voxels than points
    inner = torch.from_numpy(ndimage.binary_erosion(truth[0], torch.ones(3, 3, 3)))
    points, labels = interior_points(truth, 3, generator)
    found = {tuple(point) for point in points[0].long().tolist()}
    assert len(found) == 3
    assert all(inner[point] for point in found)
    assert labels.tolist() == [[1, 1, 1], [1, 1, -1]]
    assert {tuple(p) for p in points[1, :2].long().tolist()} == {(4, 4, 2), (4, 4, 3)}


def test_random_voxels_do_not_repeat(generator):
    allowed = torch.zeros(1, 2, 3, 4, dtype=torch.bool)
    allowed[0, 1] = True
    points, found = random_voxels(allowed, 12, generator)
    assert found.all()
    assert {tuple(p) for p in points[0].tolist()} == {(1, b, c) for b in range(3) for c in range(4)}
