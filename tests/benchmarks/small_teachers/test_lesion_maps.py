"""Lesions at given places of label maps: where they lie, and what stays."""

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.small_teachers.lesion_maps import (
    HALF_AXES_MM,
    STRETCH,
    labels_with_lesions,
    with_lesions,
    write_lesion_maps,
)
from benchmarks.small_teachers.train_small_teachers import without_lesions
from nnunetv2_muduo.prompting.official_clicks import CaseClicks

SPACING_XYZ = (2.0, 4.0, 5.0)


@pytest.fixture
def labels_zyx():
    labels = np.zeros((20, 30, 60), np.uint8)
    labels[:, :, :10] = 3
    return labels


def test_an_ellipsoid_in_mm_lies_around_the_click(labels_zyx):
    changed = with_lesions(labels_zyx, SPACING_XYZ, [(40, 12, 8)], 4, np.random.default_rng(0))
    lesion = np.argwhere(changed == 4) * np.array(SPACING_XYZ)[::-1]
    distances = np.linalg.norm(lesion - np.array((8 * 5, 12 * 4, 40 * 2)), axis=1)
    assert changed[8, 12, 40] == 4
    assert distances.max() <= HALF_AXES_MM[1] * STRETCH[1]
    assert np.array_equal(changed[changed != 4], labels_zyx[changed != 4])
    assert not (labels_zyx == 4).any()


def test_a_click_in_a_lesion_makes_no_other(labels_zyx):
    one = with_lesions(labels_zyx, SPACING_XYZ, [(40, 12, 8)], 4, np.random.default_rng(0))
    two = with_lesions(labels_zyx, SPACING_XYZ, [(40, 12, 8), (41, 12, 8)], 4, np.random.default_rng(0))
    assert np.array_equal(one, two)


def test_files_keep_their_names_and_places(tmp_path, labels_zyx):
    image = sitk.GetImageFromArray(labels_zyx)
    image.SetSpacing(SPACING_XYZ)
    image.SetOrigin((1.0, 2.0, 3.0))
    files = [tmp_path / f"fdg_{i}.nii.gz" for i in (1, 2)]
    for file in files:
        sitk.WriteImage(image, str(file))
    written = write_lesion_maps(files, {"fdg_1": CaseClicks([(30, 12, 8)], [])}, 4, 0, tmp_path / "out")
    assert [path.name for path in written] == ["fdg_1.nii.gz", "fdg_2.nii.gz"]
    with_one, without = (sitk.ReadImage(str(path)) for path in written)
    assert with_one.GetOrigin() == image.GetOrigin()
    assert with_one.GetPixel(30, 12, 8) == 4
    assert np.array_equal(sitk.GetArrayFromImage(without), labels_zyx)


def test_names_of_values():
    assert labels_with_lesions({"background": 0, "liver": 3}) == {"background": 0, "liver": 3, "lesion": 4}


def test_nobody_asks_for_lesions_in_ct(volumes):
    organs = {1: "liver", 2: "lesion"}
    (hidden,) = without_lesions(
        [type(v)(v.name, v.patient, v.spacing_mm, organs, v.centers, v.path) for v in volumes[:1]]
    )
    assert hidden.organs == {1: "liver"}
    assert set(hidden.centers) == set(volumes[0].centers) - {2}
