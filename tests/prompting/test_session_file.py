"""Saved sessions that are wrong, or of another image."""

import json

import pytest
import SimpleITK as sitk
from fixtures.prompting import LUMP_MM, session_on


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["prompts"][0].update(kind="lasso"), r"prompts\[0\].*'kind'"),
        (lambda c: c["prompts"][0].update(places_mm=[["a", 0, 0]]), r"prompts\[0\].*finite"),
        (lambda c: c["prompts"][0].update(object=10**9), r"prompts\[0\].*'object'"),
        (lambda c: c["image"].update(size=[1, 2, 3]), "another image: its size"),
        (lambda c: c["image"].pop("direction"), "another image: its direction is None"),
        (lambda c: c["prompts"][0].pop("places_mm"), r"prompts\[0\].*'places_mm'"),
        (lambda c: c["prompts"][0].update(places_mm=[[1e300, 0, 0]]), r"prompts\[0\].*at most 1e"),
        (lambda c: c["prompts"][0].update(kind="mask", packed="eJwDAAAAAAE="), r"prompts\[0\].*bytes"),
        (lambda c: c.update(format="x"), "'format'"),
    ],
)
def test_wrong_session_files_are_named(pet, tmp_path, change, message):
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


def test_a_session_of_an_image_in_another_direction_is_of_another(pet, tmp_path):
    session = session_on(pet, "threshold:0.41")
    session.save(tmp_path / "session.json")
    oblique = sitk.Image(pet)
    oblique.SetDirection((0.96, -0.28, 0, 0.28, 0.96, 0, 0, 0, 1))
    with pytest.raises(ValueError, match="another image: its direction"):
        session_on(oblique, "threshold:0.41").load(tmp_path / "session.json")
