"""Sessions of clicks on a synthetic PET/CT: promises, undo, replay, orientations, several objects."""

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from nnunetv2_muduo import PromptSession, load_teacher
from nnunetv2_muduo.prompting import network
from nnunetv2_muduo.prompting.network import NetworkTeacher

SPACING_MM, SIZE, ORIGIN_MM = (5.0, 6.0, 7.0), (70, 60, 64), (-170.0, -150.0, 30.0)
LIVER_MM, LUMP_MM = np.array((40.0, 0.0, 240.0)), np.array((-80.0, 0.0, 240.0))


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread):
    """For all tests of this file."""


def grid_mm():
    axes = [o + s * np.arange(n) for o, s, n in zip(ORIGIN_MM, SPACING_MM, SIZE, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).transpose(2, 1, 0, 3)


def moved(place_mm, x, y, z):
    return place_mm + np.array((x, y, z))


def image_of(array):
    image = sitk.GetImageFromArray(array.astype(np.float32))
    image.SetSpacing(SPACING_MM)
    image.SetOrigin(ORIGIN_MM)
    return image


def ball(center_mm, radius_mm):
    return np.linalg.norm(grid_mm() - center_mm, axis=-1) <= radius_mm


@pytest.fixture(scope="module")
def pet():
    """A body with a warm liver and a hot lump."""
    body = (((grid_mm() - (5, 27, 250)) / (150, 110, 1000)) ** 2).sum(-1) <= 1
    suv = np.where(body, 0.5, 0.01) + 2.0 * ball(LIVER_MM, 60) + 6.0 * ball(LUMP_MM, 30)
    return image_of(suv + 0.02 * np.random.default_rng(0).standard_normal(suv.shape))


@pytest.fixture(scope="module")
def ct(pet):
    suv = sitk.GetArrayFromImage(pet)
    return image_of(np.where(suv > 0.2, 40.0, -1000.0) + 60 * ball(LIVER_MM, 60))


def session_on(image, teacher="small_pet", **more):
    session = PromptSession(teacher, **{k: v for k, v in more.items() if k == "ct_teacher"})
    session.set_image(image, more.get("ct"))
    return session


def voxels(mask):
    return sitk.GetArrayFromImage(mask) > 0


def is_inside(mask, place_mm):
    return mask[mask.TransformPhysicalPointToIndex(np.asarray(place_mm, float).tolist())] > 0


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


def test_a_network_finds_the_organ(pet):
    truth, mask = ball(LIVER_MM, 60), voxels(session_on(pet).add_point(LIVER_MM))
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.4


def test_a_threshold_is_the_connected_region(pet):
    mask = voxels(session_on(pet, "threshold:0.41").add_point(LUMP_MM))
    np.testing.assert_array_equal(mask, ball(LUMP_MM, 30))


def test_a_fixed_suv_may_take_both_and_a_negative_click_takes_one_of_them_away(pet):
    session = session_on(pet, "threshold:2")
    session.add_point(LIVER_MM)
    mask = voxels(session.add_point(LUMP_MM))
    np.testing.assert_array_equal(mask, ball(LIVER_MM, 60) | ball(LUMP_MM, 30))
    session.undo()
    np.testing.assert_array_equal(voxels(session.mask()), ball(LIVER_MM, 60))


def test_a_negative_click_takes_its_component_and_not_the_object(pet):
    session = session_on(pet, "threshold:2")
    session.add_mask(image_of(ball(LIVER_MM, 60) | ball(LUMP_MM, 30)))
    mask = voxels(session.add_point(LUMP_MM, positive=False))
    np.testing.assert_array_equal(mask, ball(LIVER_MM, 60))
    session.add_point(LIVER_MM)
    mask = voxels(session.add_point(moved(LIVER_MM, 30, 0, 0), positive=False))
    assert 0.9 < mask.sum() / ball(LIVER_MM, 60).sum() < 1
    assert session.changed_by_rule[1] == ((ball(LIVER_MM, 60) & ~mask).sum() + ball(LUMP_MM, 30).sum(), mask.sum())


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


class NetworkOfBrightVoxels(torch.nn.Module):
    """Answers every prompt with what is brighter than an SUV of 1.5 in the patch."""

    image_size, low_res_size = 24, 24

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def encode(self, image):
        return image

    def decode(self, embeddings, points, masks):
        return 10 * (embeddings > 1.5).float() - 5


def test_patches_follow_a_mask_over_the_border_and_are_encoded_once(pet, monkeypatch):
    monkeypatch.setitem(network._NORMALIZE, "pet", lambda suv: suv)
    teacher = NetworkTeacher(NetworkOfBrightVoxels(), "pet", 4.0)  # patches of 96 mm; the liver has 120
    session = session_on(pet, teacher)
    mask = voxels(session.add_point(LIVER_MM))
    assert teacher.n_encoded > 1
    bright = ball(LIVER_MM, 60) | ball(LUMP_MM, 30)  # the lump lies in a patch of the liver's
    assert 2 * (mask & bright).sum() / (mask.sum() + bright.sum()) > 0.98
    n = teacher.n_encoded
    session.add_point(moved(LIVER_MM, 5, 0, 0))
    session.undo()
    session.add_point(moved(LIVER_MM, 5, 0, 0))
    assert teacher.n_encoded == n


def test_a_further_click_costs_no_encoding():
    suv = np.where(ball((0, 0, 240), 100), 1.0, 0.01) + 2 * ball((0, 0, 240), 50)
    teacher = NetworkTeacher(load_teacher("small_pet"), "pet", 20.0)
    session = session_on(image_of(suv), teacher)
    session.add_point((0, 0, 240))
    n = teacher.n_encoded
    session.add_point((10, 0, 240))
    assert teacher.n_encoded == n


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


def test_images_in_other_units_are_refused(pet):
    with pytest.raises(ValueError, match="Bq/ml"):
        session_on(pet * 5000)
    with pytest.raises(ValueError, match="HU"):
        session_on(pet, "small_ct")


def test_a_box_bounds_its_object(pet):
    mask = voxels(session_on(pet, "threshold:0.41").add_box([LUMP_MM - 20, LUMP_MM + 20]))
    outside = (np.abs(grid_mm() - LUMP_MM) > 20).any(-1)
    np.testing.assert_array_equal(mask, ball(LUMP_MM, 30) & ~outside)


def test_contested_voxels_go_to_the_nearest_click(pet):
    session = session_on(pet, "threshold:2")
    session.add_point(LIVER_MM - (30, 0, 0), object_id=1)
    session.add_point(moved(LIVER_MM, 30, 0, 0), object_id=2)
    labels = session.label_map()
    assert labels[labels.TransformPhysicalPointToIndex((LIVER_MM - (30, 0, 0)).tolist())] == 1
    assert labels[labels.TransformPhysicalPointToIndex((moved(LIVER_MM, 30, 0, 0)).tolist())] == 2
    assert {1, 2} == set(np.unique(voxels(labels) * sitk.GetArrayFromImage(labels))) - {0}
    left = sitk.GetArrayFromImage(labels) == 1
    assert (grid_mm()[left][:, 0] <= LIVER_MM[0]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["prompts"][0].update(kind="lasso"), r"prompts\[0\].*'kind'"),
        (lambda c: c["prompts"][0].update(places_mm=[["a", 0, 0]]), r"prompts\[0\].*finite"),
        (lambda c: c["prompts"][0].update(object=10**9), r"prompts\[0\].*'object'"),
        (lambda c: c["image"].update(size=[1, 2, 3]), "another image: its size"),
        (lambda c: c.update(format="x"), "'format'"),
    ],
)
def test_wrong_session_files_are_named(pet, tmp_path, change, message):
    import json

    session = session_on(pet, "threshold:0.41")
    session.add_point(LUMP_MM)
    file = tmp_path / "session.json"
    session.save(file)
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as error:
        session.load(file)
    assert str(file) in str(error.value)
