import random

import numpy as np
import torch
from batchgeneratorsv2.transforms.base.basic_transform import ImageOnlyTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms

from nnunetv2_muduo.data.loader import IsolatedRandomness, augmentation_processes, shared_spatial_transforms


class AddOne(ImageOnlyTransform):
    def _apply_to_image(self, img, **params):
        return img + 1


def test_spatial_transforms_move_both_views_and_intensities_change_the_students_alone():
    image, labels = torch.rand(4, 5, 6, 7), torch.randint(0, 3, (1, 5, 6, 7))
    transform = shared_spatial_transforms(ComposeTransforms([MirrorTransform((0, 1, 2)), AddOne()]))
    torch.manual_seed(1)
    out = transform(image=image.clone(), segmentation=labels.clone())
    torch.manual_seed(1)
    flipped = MirrorTransform((0, 1, 2))(image=image.clone(), segmentation=labels.clone())
    assert not torch.equal(flipped["image"], image)
    assert torch.equal(out["image"][:2], flipped["image"][:2] + 1)
    assert torch.equal(out["image"][2:], flipped["image"][2:])
    assert torch.equal(out["segmentation"], flipped["segmentation"])


def draw():
    return np.random.random(), torch.rand(1).item(), random.random()  # noqa: NPY002


def generate():
    while True:
        yield draw()


def seed_all():
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    random.seed(0)


def test_an_isolated_iterator_changes_no_other_random_number():
    seed_all()
    expected = [draw() for _ in range(4)]
    seed_all()
    isolated = IsolatedRandomness(generate(), seed=5)
    mixed = []
    for _ in range(4):
        next(isolated)
        mixed.append(draw())
    assert mixed == expected


def test_an_isolated_iterator_is_reproducible_and_goes_on():
    first = IsolatedRandomness(generate(), seed=5)
    draws = [next(first) for _ in range(3)]
    draw()
    second = IsolatedRandomness(generate(), seed=5)
    assert [next(second) for _ in range(3)] == draws
    assert len(set(draws)) == 3


def test_processes_are_set_and_restored(monkeypatch):
    monkeypatch.setenv("nnUNet_n_proc_DA", "7")
    import os

    with augmentation_processes(3):
        assert os.environ["nnUNet_n_proc_DA"] == "3"
    assert os.environ["nnUNet_n_proc_DA"] == "7"
