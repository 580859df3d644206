import itertools

import numpy as np
import pytest

from nnunetv2_muduo.data.left_right import doubtful_names, left_right_axis, left_right_names, sides_of_labels


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["background", "kidney_left", "kidney_right", "liver"], [("kidney_left", "kidney_right")]),
        (["Left Kidney", "right kidney"], [("Left Kidney", "right kidney")]),
        (["kidney_l", "kidney_r", "colon"], [("kidney_l", "kidney_r")]),
        (["lung_upper_lobe_left", "lung_lower_lobe_right", "lung_middle_lobe_right"], []),
        (["liver", "gall bladder"], []),
        (["Lt_Kidney", "Rt_Kidney"], [("Lt_Kidney", "Rt_Kidney")]),
        (["kidney_rt", "kidney_lt"], [("kidney_lt", "kidney_rt")]),
        (["LKidney", "RKidney"], [("LKidney", "RKidney")]),
        (["KidneyL", "KidneyR"], [("KidneyL", "KidneyR")]),
        (["Parotid_L", "Parotid_R", "A_Carotid_R"], [("Parotid_L", "Parotid_R")]),
        (["lkid", "rkid"], [("lkid", "rkid")]),
        (["kidneyl", "kidneyr"], [("kidneyl", "kidneyr")]),
        (["leftkidney", "RightKidney"], [("leftkidney", "RightKidney")]),
        (["Niere_links", "Niere_rechts"], [("Niere_links", "Niere_rechts")]),
        (["linke Niere", "rechte Niere"], [("linke Niere", "rechte Niere")]),
        (["rein gauche", "rein droit"], [("rein gauche", "rein droit")]),
        (["riñón izquierdo", "riñón derecho"], [("riñón izquierdo", "riñón derecho")]),
        (["左肾", "右肾", "肝"], [("左肾", "右肾")]),
        (["肾（左）", "肾（右）"], [("肾（左）", "肾（右）")]),
        (["L. kidney", "R. kidney"], [("L. kidney", "R. kidney")]),
        (["RibL1", "RibL2", "RibR1", "RibR2"], [("RibL1", "RibR1"), ("RibL2", "RibR2")]),
        (["rib_left_1", "rib_right_2"], []),
        (["liver_l", "colon_r"], []),
        (["lung", "liver", "rectum", "tumor"], []),
        (["LV", "RV"], []),
    ],
)
def test_names_in_left_and_right(names, pairs):
    assert left_right_names({name: i for i, name in enumerate(names)}) == pairs


@pytest.mark.parametrize(
    ("names", "doubtful"),
    [
        (["LV", "RV", "myocardium"], [("LV", "RV")]),
        (["lul", "rul"], [("lul", "rul")]),
        (["kidney_1", "kidney_2"], [("kidney_1", "kidney_2")]),
        (["kidney a", "kidney b"], [("kidney a", "kidney b")]),
        (["adrenal_left", "liver"], [("adrenal_left",)]),
        (["lesion1", "lesion2", "lesion3"], []),
        (["kidney_left", "kidney_right", "LV", "RV"], []),  # sides are certain, whatever these are
        (["background", "liver", "tumor", "heart", "prostate", "head_glands"], []),
    ],
)
def test_what_may_be_sides_is_asked_about(names, doubtful):
    assert doubtful_names(names) == doubtful
    has_sides, why = sides_of_labels(names, None)
    assert has_sides is bool(left_right_names(names))
    assert ("may be sides" in why) is bool(doubtful)


@pytest.mark.parametrize("said", [True, False])
def test_the_config_decides(said):
    for names in (["kidney_left", "kidney_right"], ["LV", "RV"], ["liver"]):
        assert sides_of_labels(names, said)[0] is said


def test_a_sentence_says_why():
    assert sides_of_labels(["liver"], None) == (False, "")
    assert sides_of_labels(["lkid", "rkid"], None) == (True, "Labels come in left and right (lkid)")
    assert "labels_have_sides is False in the config" in sides_of_labels(["lkid", "rkid"], False)[1]


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
