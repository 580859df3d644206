"""Sessions of clicks on a synthetic PET/CT: promises, undo, replay, orientations, several objects."""

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.prompting import (
    LIVER_MM,
    LUMP_MM,
    ORIGIN_MM,
    SIZE,
    SPACING_MM,
    ball,
    image_of,
    is_inside,
    moved,
    session_on,
    voxels,
)

from nnunetv2_muduo.prompting import session as session_module
from nnunetv2_muduo.prompting.object_masks import object_mask
from nnunetv2_muduo.prompting.prompts import Prompt, places_array


@pytest.mark.parametrize("teacher", ["small_pet", "threshold:0.41", "threshold:2"])
def test_every_click_is_obeyed_after_every_call(pet, teacher):
    session = session_on(pet, teacher)
    rng = np.random.default_rng(1)
    clicks = []
    for _ in range(12):
        place_mm = LIVER_MM + rng.uniform(-60, 60, 3)
        clicks.append((place_mm, bool(rng.random() < 0.6)))
        mask = session.add_point(place_mm, positive=clicks[-1][1])
        assert [is_inside(mask, place) for place, _ in clicks] == [positive for _, positive in clicks]


def test_a_mask_is_on_the_images_own_grid(pet):
    mask = session_on(pet).add_point(LIVER_MM)
    assert (mask.GetSize(), mask.GetSpacing(), mask.GetOrigin()) == (SIZE, SPACING_MM, ORIGIN_MM)
    assert mask.GetPixelID() == sitk.sitkUInt8


def test_undo_and_replay_give_the_same_voxels(pet, tmp_path):
    session = session_on(pet)
    before = voxels(session.add_point(LIVER_MM))
    session.add_scribble([moved(LIVER_MM, 0, 0, 20), moved(LIVER_MM, 0, 30, 20)])
    session.add_box([LUMP_MM - 35, LUMP_MM + 35], object_id=2)
    session.add_point(moved(LIVER_MM, 0, 0, 55), positive=False)
    session.add_mask(image_of(ball(LUMP_MM, 20)), object_id=3)
    session.save(tmp_path / "session.json")
    other = session_on(pet)
    other.load(tmp_path / "session.json")
    np.testing.assert_array_equal(voxels(other.label_map()), voxels(session.label_map()))
    for object_id in (1, 2, 3):
        np.testing.assert_array_equal(voxels(other.mask(object_id)), voxels(session.mask(object_id)))
    for _ in range(4):
        session.undo()
    np.testing.assert_array_equal(voxels(session.mask()), before)
    session.undo()
    with pytest.raises(ValueError, match="no prompt to undo"):
        session.undo()


@pytest.mark.parametrize("teacher", ["small_pet", "threshold:0.41"])
def test_all_48_orientations_give_the_same_physical_answer(pet, teacher):
    expected = None
    for axes, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        image = sitk.Flip(sitk.PermuteAxes(pet, axes), flips, False)
        session = session_on(image, teacher)
        session.add_point(LIVER_MM)
        mask = session.add_point(moved(LIVER_MM, 45, 10, -20), positive=False)
        assert mask.GetSize() == image.GetSize()
        same = voxels(sitk.Resample(mask, pet, sitk.Transform(), sitk.sitkNearestNeighbor))
        expected = same if expected is None else expected
        np.testing.assert_array_equal(same, expected)
    assert expected.any()


def test_pet_and_ct_are_mixed_and_shown_alone(pet, ct):
    both = session_on(pet, ct_teacher="small_ct", ct=ct)
    both.add_point(LIVER_MM)
    alone = {"pet": session_on(pet), "ct": session_on(ct, "small_ct")}
    probs = {}
    for modality, session in alone.items():
        session.add_point(LIVER_MM)
        probs[modality] = sitk.GetArrayFromImage(session.probabilities())
        np.testing.assert_array_equal(voxels(both.mask(modality=modality)), voxels(session.mask()))
    mean = (probs["pet"] + probs["ct"]) / 2
    np.testing.assert_allclose(sitk.GetArrayFromImage(both.probabilities()), mean, atol=1e-6)


def test_a_click_outside_says_where_the_image_lies(pet):
    session = session_on(pet)
    with pytest.raises(ValueError, match=r"\(999.0, 0.0, 0.0\).*outside.*x -170.0 to 175.0.*70 x 60 x 64 voxels"):
        session.add_point((999, 0, 0))
    assert not session.prompts


def test_voxel_indices_are_the_files_own(pet):
    session = session_on(pet)
    by_mm = voxels(session.add_point(LIVER_MM))
    session.reset()
    np.testing.assert_array_equal(voxels(session.add_point(voxel=(42, 25, 30))), by_mm)


def test_opposite_clicks_on_one_voxel_are_refused(pet):
    session = session_on(pet)
    session.add_point(LIVER_MM)
    with pytest.raises(ValueError, match="opposite"):
        session.add_point(LIVER_MM + 1, positive=False)
    session.add_point(LIVER_MM + 1, positive=False, object_id=2)


def test_a_prompt_is_taken_without_an_answer_and_checked_as_any(pet):
    session = session_on(pet, "threshold:0.41")
    for place_mm, message in (((999, 0, 0), "outside"), ((1e9, 0, 0), "at most 1e")):
        with pytest.raises(ValueError, match=message):
            session.take(Prompt("point", 1, True, places_array(place_mm)))
    with pytest.raises(ValueError, match="outside"):
        session.replay([Prompt("box", 1, True, places_array([(900, 0, 0), (999, 9, 9)]))])
    session.take(Prompt("point", 1, True, places_array(LUMP_MM)))
    np.testing.assert_array_equal(voxels(session.mask()), ball(LUMP_MM, 30))


def test_a_mask_is_computed_once_for_each_click(pet, monkeypatch):
    asked = []
    monkeypatch.setattr(session_module, "object_mask", lambda *args: asked.append(args) or object_mask(*args))
    session = session_on(pet, "threshold:3")
    session.add_point(LUMP_MM)
    first = session.label_array()
    assert len(asked) == 1
    session.add_point(LIVER_MM, object_id=2)
    session.label_array()
    assert len(asked) == 2
    session.undo()
    np.testing.assert_array_equal(session.label_array(), first)
    assert len(asked) == 2
