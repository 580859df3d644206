"""Prompts for what is not there: where they lie, and what stays as it was."""

from dataclasses import replace

import pytest
import torch

from nnunetv2_muduo.teacher_training.absent import MIN_VOXELS, with_absent_organs
from nnunetv2_muduo.teacher_training.crops import Cropper


@pytest.fixture
def crops(volumes, generator):
    return Cropper("ct", 24, 8).random_crops(volumes, 4, generator)


def test_without_a_fraction_nothing_changes(crops, generator):
    maps = torch.rand(crops.truth_mask.shape, generator=generator)
    same, first = with_absent_organs(crops, maps, 0.0, generator)
    assert same is crops
    assert first.pointed_mask is crops.truth_mask
    assert first.maps is maps


def test_absent_organs_are_pointed_at_where_no_label_is(crops, generator):
    maps = crops.truth_mask.float() * 0.9
    changed, first = with_absent_organs(crops, maps, 1.0, generator)
    absent = [i for i in range(len(crops.organs)) if not changed.truth_mask[i].any()]
    assert absent
    for i in absent:
        labeled = crops.labeled_mask[crops.crop_index[i]]
        assert first.pointed_mask[i].sum() >= MIN_VOXELS
        assert not (first.pointed_mask[i] & labeled).any()
        assert torch.equal(first.maps[i] > 0.5, first.pointed_mask[i])  # the map is moved to the same place


def test_a_part_is_absent_and_the_others_stay(crops, generator):
    n_absent = n = 0
    for _ in range(60):
        changed, first = with_absent_organs(crops, None, 0.3, generator)
        is_absent = ~changed.truth_mask.flatten(1).any(1)
        assert torch.equal(changed.truth_mask[~is_absent], crops.truth_mask[~is_absent])
        assert torch.equal(first.pointed_mask[~is_absent], crops.truth_mask[~is_absent])
        assert first.maps is None
        n_absent, n = n_absent + int(is_absent.sum()), n + len(is_absent)
    assert 0.1 < n_absent / n < 0.4  # some have no room


def test_an_organ_without_room_stays(crops, generator):
    full = replace(crops, labeled_mask=torch.ones_like(crops.labeled_mask))
    changed, _ = with_absent_organs(full, None, 1.0, generator)
    assert torch.equal(changed.truth_mask, crops.truth_mask)
