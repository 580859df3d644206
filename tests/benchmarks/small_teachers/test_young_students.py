"""Students that are trained briefly: what they learn, and of which cases."""

import torch

from benchmarks.small_teachers.young_students import N_CASES, train_students
from nnunetv2_muduo.teacher_training.crops import Cropper

SIZE = 16


def test_students_know_the_organs_of_one_kind_of_data_and_meet_cases_that_they_have_not_seen(volumes):
    students = train_students(volumes, (2, 100), "ct", SIZE, seed=0)
    assert [student.kind for student in students] == [("liver", "lungs")] * 2 + [("liver", "spleen")] * 2
    assert all(len(student.volumes) == 7 - N_CASES for student in students)
    generator = torch.Generator().manual_seed(0)
    dice = []
    for student in students[:2]:
        crops = Cropper("ct", SIZE, 8, flip_axes=()).random_crops(student.volumes, 4, generator)
        probs = student.maps(crops)
        assert probs.shape == crops.truth_mask.shape
        dice.append(2 * (probs * crops.truth_mask).sum() / (probs + crops.truth_mask.float()).sum())
    assert dice[1] > dice[0] + 0.2
