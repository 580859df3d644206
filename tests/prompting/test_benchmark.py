"""Sessions of robots and of official clicks on a PET with two lesions: what is said at which step, and what is obeyed."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.prompting.benchmark import find_cases, is_obeyed, run_case, run_object, seed_of, truth_labels
from nnunetv2_muduo.prompting.benchmark_tables import compared, table_of_sessions, text_of
from nnunetv2_muduo.prompting.official_clicks import CaseClicks
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.protocols import PROTOCOLS
from nnunetv2_muduo.prompting.session import PromptSession
from nnunetv2_muduo.prompting.users import official_user

SPACING_MM, SHAPE = (4.0, 4.0, 5.0), (30, 40, 50)
A, B, HOT_ORGAN = (10, 12, 14), (20, 28, 36), (10, 28, 14)  # z, y, x
KINDS = ("center", "random", "border")


def ball(center, radius_mm):
    places = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    return np.linalg.norm((places - center) * SPACING_MM[::-1], axis=-1) <= radius_mm


TRUTH = ball(A, 20) | ball(B, 14)


def image_of(array):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING_MM)
    image.SetOrigin((-50.0, -60.0, 7.0))
    return image


@pytest.fixture
def pet():
    suv = 0.8 + 5.0 * TRUTH + 6.0 * ball(HOT_ORGAN, 16)
    return image_of((suv + 0.02 * np.random.default_rng(0).standard_normal(SHAPE)).astype(np.float32))


@pytest.fixture
def session(pet):
    session = PromptSession("threshold:3")
    session.set_image(pet)
    return session


def run(session, name, kind="center", truth=TRUTH):
    protocol = PROTOCOLS[name]
    return pd.DataFrame(run_object(session, truth, protocol, protocol.robot(kind, 0)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("teacher", ["small_pet", "threshold:0.41"])
def test_every_protocol_is_obeyed_at_every_step(pet, teacher, name, kind):
    session = PromptSession(teacher)
    session.set_image(pet)
    rows = run(session, name, kind)
    assert list(rows["step"]) == list(range(PROTOCOLS[name].n_steps))
    assert rows["obeyed"].all()
    assert rows["dice"].iloc[-1] > rows["dice"].iloc[0] or rows["dice"].iloc[0] > 0.9
    assert (rows["encode_s"].iloc[-1] > 0) == (teacher == "small_pet")


def test_pairs_correct_both_ways(session):
    rows = run(session, "autopet4")
    assert np.isnan(rows["seconds"][0])
    assert rows["n_prompts"].iloc[:3].tolist() == [
        0,
        1,
        2,
    ]  # nothing is too much, and after two clicks nothing is missing
    assert rows["dice"].iloc[2:].eq(1).all()
    assert rows["false_negative_ml"].iloc[0] == pytest.approx(TRUTH.sum() * 0.08)


def test_a_start_is_no_click_and_what_it_has_too_much_is_clicked_away(session):
    start = [Prompt("mask", 1, True, np.empty((0, 3)), TRUTH | ball(HOT_ORGAN, 16))]
    protocol = PROTOCOLS["autopet4"]
    rows = pd.DataFrame(run_object(session, TRUTH, protocol, protocol.robot("center", 0), start))
    assert rows["n_prompts"].tolist()[:2] == [0, 1]
    assert rows["false_positive_ml"][0] == pytest.approx(ball(HOT_ORGAN, 16).sum() * 0.08)
    assert rows["dice"][1] == 1
    (click,) = [prompt for prompt in session.prompts if prompt.kind == "point"]
    assert not click.positive
    assert session.space.voxels_zyx(click.places_mm).tolist() == [list(HOT_ORGAN)]


def test_a_box_then_clicks(session):
    rows = run(session, "cvpr2025", truth=ball(A, 20))
    (box,) = [prompt for prompt in session.prompts if prompt.kind == "box"]
    corners = session.space.voxels_zyx(box.places_mm)
    np.testing.assert_array_equal(corners, [np.argwhere(ball(A, 20)).min(0), np.argwhere(ball(A, 20)).max(0)])
    assert rows["dice"][0] == 1
    assert rows["n_prompts"].eq(1).all()  # nothing is left to correct


def test_scribbles_lie_in_one_axial_slice(session):
    run(session, "autopet5")
    strokes = [session.space.voxels_zyx(prompt.places_mm) for prompt in session.prompts]
    assert strokes
    for prompt, voxels in zip(session.prompts, strokes, strict=True):
        assert prompt.kind == "scribble"
        assert len(set(voxels[:, 0])) == 1
        assert TRUTH[tuple(voxels.T)].all() == prompt.positive


@pytest.mark.parametrize("name", PROTOCOLS)
def test_without_a_lesion_nobody_clicks_what_is_not_there(session, name):
    rows = run(session, name, truth=np.zeros(SHAPE, bool))
    assert rows["n_prompts"].eq(0).all()
    assert rows["false_positive_ml"].eq(0).all()
    assert rows["dice"].eq(1).all() if name == "autopet5" else rows["dice"].isna().all()


@pytest.mark.parametrize("stored", ["LPS", "RAS", "SLA", "IRP"])
def test_official_clicks_are_voxels_of_the_file(tmp_path, pet, stored):
    for name, image in (("images/a_0001", pet), ("labels/a", image_of(TRUTH.astype(np.uint8)))):
        (tmp_path / name).parent.mkdir()
        sitk.WriteImage(sitk.DICOMOrient(image, stored), str(tmp_path / f"{name}.nii.gz"))
    (case,) = find_cases(tmp_path / "images", tmp_path / "labels", ["pet"])
    np.testing.assert_array_equal(truth_labels(case.truth), TRUTH)
    image = sitk.ReadImage(str(case.images["pet"]))
    to_file = [
        image.TransformPhysicalPointToIndex(pet.TransformIndexToPhysicalPoint(v[::-1])) for v in (A, B, HOT_ORGAN)
    ]
    clicks = CaseClicks(to_file[:2], to_file[2:])
    session = PromptSession("threshold:3")
    rows = pd.DataFrame(
        run_case(session, case, {"lesion": 1}, PROTOCOLS["autopet4"], lambda case, organ: official_user(clicks))
    )
    assert rows["n_prompts"].tolist() == [0, 2, 3, *[3] * 8]
    assert rows["dice"].tolist()[2:] == [1.0] * 9
    assert rows["obeyed"].all()
    assert set(rows["case"]) == {"a"}


def test_what_is_not_obeyed_is_seen(session):
    session.add_point(voxel=A[::-1])
    session.add_point(voxel=HOT_ORGAN[::-1], positive=False)
    assert is_obeyed(session, TRUTH)
    assert not is_obeyed(session, ball(B, 14))
    assert not is_obeyed(session, np.ones(SHAPE, bool))


def test_a_prompt_outside_names_the_case(tmp_path, pet):
    for name, image in (("images/a", pet), ("labels/a", image_of(TRUTH.astype(np.uint8)))):
        (tmp_path / name).parent.mkdir()
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    (case,) = find_cases(tmp_path / "images", tmp_path / "labels", ["pet"])
    user = official_user(CaseClicks([(999, 0, 0)], []))
    with pytest.raises(ValueError, match=r"case a: .*outside the image"):
        list(run_case(PromptSession("threshold:3"), case, {"1": 1}, PROTOCOLS["autopet4"], lambda case, organ: user))


def test_images_that_are_missing_or_elsewhere_are_counted(tmp_path, pet):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        sitk.WriteImage(image_of(TRUTH.astype(np.uint8)), str(tmp_path / "labels" / f"{name}.nii.gz"))
    pet.SetSpacing((1, 1, 1))
    sitk.WriteImage(pet, str(tmp_path / "images" / "a_0001.nii.gz"))
    with pytest.raises(ValueError, match=r"2 image\(s\) of 2") as error:
        find_cases(tmp_path / "images", tmp_path / "labels", ["pet"])
    assert "b: no PET" in str(error.value)
    assert "a: different grids" in str(error.value)


def test_seeds_differ_by_case_and_organ_alone():
    assert seed_of("a", "1") == seed_of("a", "1")
    assert len({seed_of(case, organ) for case in "ab" for organ in "12"}) == 4


def made_up(dice_by_method):
    """Steps of two cases; the second one's curve is a tenth lower."""
    return pd.DataFrame(
        {
            **{"method": method, "case": case, "organ": "1", "step": step, "dice": value - below, "nsd": value - below},
            **{"lesion_f1": np.nan, "false_positive_ml": 1.0, "false_negative_ml": 2.0, "n_prompts": step},
            **{"seconds": 0.1 * step, "obeyed": True, "encode_s": 3.0, "peak_mb": 2048},
        }
        for method, values in dice_by_method.items()
        for case, below in (("a", 0.0), ("b", 0.1))
        for step, value in enumerate(values)
    )


def test_areas_leave_out_the_box_where_the_protocol_does():
    curve = [0.2, 0.4, 0.6, 0.6, 0.6, 0.8]
    steps = made_up({"x": curve})
    by_5, by_cvpr = (table_of_sessions(steps, PROTOCOLS[name]).iloc[0] for name in ("autopet5", "cvpr2025"))
    assert by_5["dice_area"] == pytest.approx(sum(curve) - (curve[0] + curve[-1]) / 2, abs=1e-9)
    assert by_cvpr["dice_area"] == pytest.approx(sum(curve[1:]) - (curve[1] + curve[-1]) / 2, abs=1e-9)
    assert by_5["dice_final"] == 0.8
    assert np.isnan(by_5["lesion_f1_area"])
    assert by_5["seconds"] == pytest.approx(0.25)


def test_teachers_are_compared_case_by_case():
    steps = made_up({"x": [0.5] * 6, "y": [0.3] * 6})
    sessions = table_of_sessions(steps, PROTOCOLS["cvpr2025"])
    table = compared(sessions, PROTOCOLS["cvpr2025"])
    row = table[(table["measure"] == "dice_final") & (table["organ"] == "1")].iloc[0]
    assert (row["method"], row["other"], row["n"]) == ("x", "y", 2)
    assert row["difference"] == pytest.approx(0.2)
    text = text_of(sessions, table, PROTOCOLS["cvpr2025"])
    assert "x minus y: Dice, last step" in text
    assert "100.0%" in text
    assert "mean over organs" not in text
    assert compared(sessions[sessions["method"] == "x"], PROTOCOLS["cvpr2025"]) is None
