"""Students that are trained briefly: what they learn, and of which cases."""

import numpy as np
import torch

from benchmarks.young_students import N_CASES, train_students
from nnunetv2_muduo.teachers.training.crops import Cropper
from nnunetv2_muduo.teachers.training.volumes import Volume

SIZE = 16


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


def test_students_know_the_organs_of_one_kind_of_data_and_meet_cases_that_they_have_not_seen(tmp_path):
    kinds = {"a": {1: "liver", 2: "spleen"}, "b": {1: "liver", 2: "lungs"}}
    volumes = [volume(tmp_path, kind + i * "x", organs) for kind, organs in kinds.items() for i in range(N_CASES + 2)]
    students = train_students(volumes, (2, 100), "ct", SIZE, seed=0)
    assert [student.organs for student in students] == [["liver", "lungs"]] * 2 + [["liver", "spleen"]] * 2
    assert all(len(student.volumes) == 2 for student in students)
    generator = torch.Generator().manual_seed(0)
    dice = []
    for student in students[:2]:
        crops = Cropper("ct", SIZE, 8, flip_axes=()).random_crops(student.volumes, 4, generator)
        probs = student.maps(crops)
        assert probs.shape == crops.truth_mask.shape
        dice.append(2 * (probs * crops.truth_mask).sum() / (probs + crops.truth_mask.float()).sum())
    assert dice[1] > dice[0] + 0.2
