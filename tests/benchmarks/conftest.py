"""Labeled volumes of two kinds of data, as the small teachers are trained on."""

import numpy as np
import pytest

from nnunetv2_muduo.teacher_training.volumes import Volume

KINDS = {"a": {1: "liver", 2: "spleen"}, "b": {1: "liver", 2: "lungs"}}
N_OF_KIND = 7


def volume(folder, name: str, organs: dict[int, str]) -> Volume:
    """A bright and a brighter cube, at places of the case's own."""
    shift = np.random.default_rng(len(name)).integers(0, 4)
    labels = np.zeros((24, 20, 20), np.uint8)
    labels[2 + shift : 8 + shift, 4:10, 5:11], labels[13 + shift : 19 + shift, 8:14, 6:12] = 1, 2
    (folder / name).mkdir()
    np.save(folder / name / "image.npy", np.array([-500, 50, 400], np.int16)[labels])
    np.save(folder / name / "labels.npy", labels)
    centers = {1: (5 + shift, 7, 8), 2: (16 + shift, 11, 9)}
    return Volume(name, name, 8.0, organs, centers, folder / name)


@pytest.fixture
def volumes(tmp_path):
    return [volume(tmp_path, kind + i * "x", organs) for kind, organs in KINDS.items() for i in range(N_OF_KIND)]
