"""What is known of a teacher by its name."""

import pytest

from nnunetv2_muduo.prompting.teachers import both_teachers, modality_of_teacher, promptable


@pytest.mark.parametrize(
    ("source", "modality"),
    [("small_ct", "ct"), ("sam_med3d", "ct"), ("small_pet", "pet"), ("seganypet", "pet"), ("threshold:4", "pet")],
)
def test_the_modality_needs_no_download(source, modality):
    assert modality_of_teacher(source) == modality == modality_of_teacher(source, modality)
    with pytest.raises(ValueError, match="for"):
        modality_of_teacher(source, {"ct": "pet", "pet": "ct"}[modality])


@pytest.mark.parametrize("source", ["threshold:hot", "threshold:0", "threshold:nan"])
def test_thresholds_that_are_none(source):
    with pytest.raises(ValueError, match="threshold"):
        promptable(source)


def test_two_teachers_are_one_for_pet_and_one_for_ct():
    assert [one.modality for one in both_teachers("small_pet", "small_ct", "cpu")] == ["pet", "ct"]
    with pytest.raises(ValueError, match="one for PET and one for CT"):
        both_teachers("small_ct", "small_ct", "cpu")
