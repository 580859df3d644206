"""What a program gets of an image: figures, masks and files, as a session itself gives them."""

import base64
import json
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo import PromptSession, measure_labels


@pytest.fixture
def session(study):
    session = PromptSession("threshold:2.5")
    session.set_image(study / "SUV.nii.gz")
    return session


def labels_of(answer, shape):
    labels, mask = np.zeros(shape, np.uint8), answer["mask"]
    box = tuple(slice(a, a + n) for a, n in zip(mask["start_zyx"], mask["shape_zyx"], strict=True))
    content = zlib.decompress(base64.b64decode(mask["labels"]))
    labels[box] = np.frombuffer(content, np.uint8).reshape(mask["shape_zyx"])
    return labels


def click(client, place_mm, positive=True, number=1):
    return client.post("/api/point", {"places_mm": list(place_mm), "positive": positive, "object": number})


def test_a_click_gives_the_sessions_own_mask_and_undo_takes_it_back(client, session, liver_mm):
    answer = click(client, liver_mm)
    session.add_point(liver_mm)
    expected = session.label_array()
    assert expected.any()
    np.testing.assert_array_equal(labels_of(answer, expected.shape), expected)
    away = np.add(liver_mm, (0, 0, 30))
    answer = click(client, away, positive=False)
    session.add_point(away, positive=False)
    np.testing.assert_array_equal(labels_of(answer, expected.shape), session.label_array())
    np.testing.assert_array_equal(labels_of(client.post("/api/undo"), expected.shape), expected)
    assert client.ask("/api/state")[2]["answer"]["prompts"] == [
        {"kind": "point", "object": 1, "positive": True, "places_mm": [pytest.approx(liver_mm, abs=0.01)]}
    ]
    assert client.post("/api/reset") == {
        "prompts": [],
        "figures": [],
        "mask": {"start_zyx": [0, 0, 0], "shape_zyx": [0, 0, 0], "labels": answer_of_nothing()},
    }
    status, _, answer = client.try_post("/api/undo")
    assert (status, answer["error"]) == (422, "There is no prompt to undo.")


def answer_of_nothing():
    return base64.b64encode(zlib.compress(b"", 1)).decode()


def test_a_scribble_is_the_sessions_own(client, session, liver_mm):
    stroke = [liver_mm.tolist(), np.add(liver_mm, (24, 0, 0)).tolist()]
    answer = client.post("/api/scribble", {"places_mm": stroke, "positive": True, "object": 2})
    session.add_scribble(stroke, object_id=2)
    np.testing.assert_array_equal(labels_of(answer, session.space.shape_zyx), session.label_array())


def test_figures_are_those_of_muduo_evaluate(client, study, session, liver_mm):
    (row,) = click(client, liver_mm)["figures"]
    session.add_point(liver_mm)
    labels, suv = (
        session.label_array(),
        sitk.GetArrayFromImage(sitk.DICOMOrient(sitk.ReadImage(str(study / "SUV.nii.gz")))),
    )
    (measured,) = measure_labels(labels, labels, session.space.spacing_zyx_mm, {"liver": 1}, suv)
    assert row["volume_ml"] == pytest.approx(measured["volume_truth_ml"])
    for ours, theirs in (
        ("suv_mean", "suv_mean_truth"),
        ("suv_max", "suv_max_truth"),
        ("tlg_suv_ml", "uptake_truth_suv_ml"),
    ):
        assert row[ours] == pytest.approx(measured[theirs])


def test_an_object_that_is_taken_away_has_a_row_without_values(client, liver_mm):
    answer = click(client, liver_mm, positive=False)
    (row,) = answer["figures"]
    assert {key: value for key, value in row.items() if value is not None} == {
        "object": 1,
        "name": "1",
        "volume_ml": 0.0,
        "tlg_suv_ml": 0.0,
    }


@pytest.mark.parametrize(("modality", "file", "step"), [("pet", "SUV.nii.gz", 1e-3), ("ct", "CTres.nii.gz", 0.1)])
def test_volumes_are_the_images_values(client, study, modality, file, step):
    image = client.ask("/api/state")[2]["image"]
    _, headers, content = client.ask(f"/api/volume?of={modality}")
    assert headers["Content-Type"] == "application/octet-stream"
    scaling = image["volumes"][modality]
    values = scaling["offset"] + scaling["scale"] * np.frombuffer(content, "<u2").reshape(image["shape_zyx"])
    expected = sitk.DICOMOrient(sitk.ReadImage(str(study / file)), "LPS")
    np.testing.assert_allclose(values, sitk.GetArrayFromImage(expected), atol=step)
    index = np.array((3, 5, 7))
    place_mm = np.array(image["origin_mm"]) + np.array(image["index_to_mm"]) @ index
    np.testing.assert_allclose(place_mm, expected.TransformIndexToPhysicalPoint(index.tolist()))
    assert client.ask("/api/volume?of=mri")[0] == 404


def test_the_saved_mask_lies_on_the_files_own_grid(client, session, study, liver_mm, tmp_path):
    click(client, liver_mm)
    session.add_point(liver_mm)
    status, headers, content = client.ask("/api/mask")
    assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="SUV_mask.nii.gz"')
    (tmp_path / "mask.nii.gz").write_bytes(content)
    mask, pet = sitk.ReadImage(str(tmp_path / "mask.nii.gz")), sitk.ReadImage(str(study / "SUV.nii.gz"))
    assert mask.GetSize() == pet.GetSize()
    np.testing.assert_allclose(mask.GetOrigin(), pet.GetOrigin(), atol=1e-3)
    np.testing.assert_allclose(mask.GetDirection(), pet.GetDirection(), atol=1e-6)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), sitk.GetArrayFromImage(session.label_map()))
    assert list(client.folder.iterdir()) == []


def test_a_saved_session_replays_here_and_in_python(client, session, liver_mm, tmp_path):
    before = click(client, liver_mm)
    status, headers, content = client.ask("/api/session")
    assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="SUV_session.json"')
    (tmp_path / "session.json").write_bytes(content)
    session.load(tmp_path / "session.json")
    np.testing.assert_array_equal(session.label_array(), labels_of(before, session.space.shape_zyx))
    client.post("/api/reset")
    assert client.post("/api/session", json.loads(content)) == before
    assert list(client.folder.iterdir()) == []


def test_a_wrong_session_is_refused_by_its_own_words_and_changes_nothing(client, liver_mm):
    before = click(client, liver_mm)
    saved = json.loads(client.ask("/api/session")[2])
    for change, said in (
        (lambda c: c["image"].update(size=[1, 2, 3]), "another image"),
        (lambda c: c["prompts"].append({"kind": "lasso"}), r"prompts[1]"),
        (
            lambda c: c["prompts"].append({"kind": "mask", "object": 1, "positive": True, "packed": "eJz="}),
            r"prompts[1]",
        ),
        (lambda c: c["prompts"].append(c["prompts"][0] | {"places_mm": [[9e5, 0, 0]]}), "outside"),
    ):
        wrong = json.loads(json.dumps(saved))
        change(wrong)
        status, _, answer = client.try_post("/api/session", wrong)
        assert status == 422
        assert said in answer["error"]
        assert str(client.folder) not in answer["error"]
        assert client.ask("/api/state")[2]["answer"] == before


def test_clicks_at_once_are_answered_one_after_another(client, liver_mm):
    places = [(liver_mm + np.array((8 * i, 0, 0))).tolist() for i in range(-4, 4)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda place: click(client, place), places))
    assert sorted(len(answer["prompts"]) for answer in answers) == list(range(1, 9))
    kept = [prompt["places_mm"][0] for prompt in client.ask("/api/state")[2]["answer"]["prompts"]]
    np.testing.assert_allclose(sorted(kept), sorted(places), atol=0.01)


@pytest.mark.parametrize("path", ["/api/volume?of=pet", "/api/mask", "/api/session"])
def test_without_an_image_files_are_refused(empty_client, path):
    assert empty_client.ask(path)[0] == 409
    assert empty_client.ask("/api/state")[2]["image"] is None


def test_without_an_image_prompts_are_refused(empty_client):
    for path in ("/api/undo", "/api/reset"):
        assert empty_client.try_post(path)[0] == 409
    assert empty_client.try_post("/api/point", {"places_mm": [0, 0, 0], "positive": True, "object": 1})[0] == 409
