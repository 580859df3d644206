"""Which teachers are asked about which images, and what stays where images are refused."""

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.prompting.server.workplace import Workplace


@pytest.fixture(scope="module")
def images(study):
    return {"pet": sitk.ReadImage(str(study / "SUV.nii.gz")), "ct": sitk.ReadImage(str(study / "CTres.nii.gz"))}


def test_a_ct_beside_a_pet_is_asked_where_there_is_a_teacher_for_it(images, liver_mm):
    masks = {}
    for ct_teacher in (None, "small_ct"):
        scene = Workplace("small_pet", ct_teacher).open(images, "both")
        scene.session.add_point(liver_mm)
        masks[ct_teacher] = scene.session.label_array()
        assert sorted(scene.values) == ["ct", "pet"]
        assert scene.description()["first"] == "pet"
    assert (masks[None] != masks["small_ct"]).any()


def test_with_two_teachers_one_image_may_do(images, liver_mm):
    workplace = Workplace("small_pet", "small_ct")
    for modality in ("pet", "ct"):
        scene = workplace.open({modality: images[modality]}, modality)
        assert scene.first == modality
        assert (sitk.GetArrayViewFromImage(scene.session.add_point(liver_mm)) > 0).any()


def test_a_pet_beside_the_ct_of_a_ct_teacher_is_shown_and_measured(images, liver_mm):
    scene = Workplace("small_ct").open(images, "both")
    scene.session.add_point(liver_mm)
    assert scene.first == "ct"
    keys = [column["key"] for column in scene.description()["columns"]]
    (row,) = scene.answer()["figures"]
    labels = scene.session.label_array()
    suv = scene.values["pet"][labels > 0]
    assert [row[key] for key in keys if "max" in key] == [pytest.approx(suv.max())]


def test_a_ct_alone_has_its_mean_in_hu(images, liver_mm):
    scene = Workplace("small_ct").open({"ct": images["ct"]}, "ct")
    scene.session.add_point(liver_mm)
    (row,) = scene.answer()["figures"]
    volume, mean = (row[column["key"]] for column in scene.description()["columns"])
    labels = scene.session.label_array() > 0
    assert volume == pytest.approx(np.count_nonzero(labels) * 8**3 / 1000)
    assert mean == pytest.approx(scene.values["ct"][labels].mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("of", "change", "said"),
    [("pet", lambda image: image * 5000, "Bq/ml"), ("ct", lambda image: image + 1024, "HU"), ("pet", None, "for PET")],
)
def test_what_is_refused_leaves_what_is_open(images, liver_mm, of, change, said):
    workplace = Workplace("threshold:2.5")
    before = workplace.open(images, "first")
    before.session.add_point(liver_mm)
    mask = before.session.label_array()
    wrong = {"ct": images["ct"]} if change is None else images | {of: change(images[of])}
    with pytest.raises(ValueError, match=said):
        workplace.open(wrong, "second")
    assert workplace.scene is before
    np.testing.assert_array_equal(before.session.label_array(), mask)


def test_two_teachers_are_one_for_each():
    with pytest.raises(ValueError, match="PET and one for CT"):
        Workplace("small_ct", "small_ct")


def test_names_are_those_that_were_given():
    assert Workplace("threshold:4").state()["teachers"] == ["threshold:4"]
    assert Workplace("threshold:4", names=["ours"]).state()["teachers"] == ["ours"]
