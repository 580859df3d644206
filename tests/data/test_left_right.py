import itertools

import numpy as np
import pytest

from nnunetv2_muduo.data.left_right import left_right_axis, left_right_names


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["background", "kidney_left", "kidney_right", "liver"], [("kidney_left", "kidney_right")]),
        (["Left Kidney", "right kidney"], [("Left Kidney", "right kidney")]),
        (["kidney_l", "kidney_r", "colon"], [("kidney_l", "kidney_r")]),
        (["lung_upper_lobe_left", "lung_lower_lobe_right", "lung_middle_lobe_right"], []),
        (["liver", "gall bladder"], []),
    ],
)
def test_names_in_left_and_right(names, pairs):
    assert left_right_names({name: i for i, name in enumerate(names)}) == pairs


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("transpose", list(itertools.permutations(range(3))))
def test_the_axis_from_side_to_side_is_found_for_every_order_and_sign(order, transpose):
    for signs in itertools.product([1, -1], repeat=3):
        direction = np.zeros((3, 3))
        for image_axis, patient_axis in enumerate(order):
            direction[patient_axis, image_axis] = signs[image_axis]
        array_axes = [order[2 - i] for i in range(3)]  # patient axis along each axis of the array (z, y, x)
        transposed = [array_axes[i] for i in transpose]
        assert transposed[left_right_axis(direction.ravel().tolist(), list(transpose))] == 0
