"""Sessions as prompt files, and files that are none."""

import numpy as np
import pytest
from fixtures.prompting import LIVER_MM, LUMP_MM, ball, image_of, moved, session_on, voxels

from nnunetv2_muduo.prompting.prompt_files.reader import read_prompts
from nnunetv2_muduo.user_files import LARGEST_MB


def test_a_session_goes_on(pet, tmp_path):
    session = session_on(pet)
    session.add_scribble([LIVER_MM, moved(LIVER_MM, 0, 30, 20)])
    session.add_mask(image_of(ball(LUMP_MM, 30)), object_id=3)
    session.save(tmp_path / "s.json")
    prompts = read_prompts(tmp_path / "s.json", session.space)
    other = session_on(pet)
    for prompt in prompts:
        other.take(prompt.numbered(int(prompt.object_name)))
    np.testing.assert_array_equal(voxels(other.label_map()), voxels(session.label_map()))
    assert [one.object_name for one in prompts] == ["1", "3"]


@pytest.mark.parametrize("name", ["x.json", "x.fcsv", "x.npz", "x.nii.gz", "x.seg.nrrd"])
def test_missing_files_and_folders_are_named(pet, tmp_path, name):
    space = session_on(pet, "threshold:2").space
    with pytest.raises(FileNotFoundError, match=rf"{name} is missing"):
        read_prompts(tmp_path / name, space)
    (tmp_path / name).mkdir()
    with pytest.raises(FileNotFoundError, match=rf"{name} is a folder"):
        read_prompts(tmp_path / name, space)


@pytest.mark.parametrize("name", ["x.txt", "json", "x.dcm"])
def test_other_endings_are_told(pet, tmp_path, name):
    with pytest.raises(ValueError, match=r"none of \.json, \.fcsv"):
        read_prompts(tmp_path / name, session_on(pet, "threshold:2").space)


@pytest.mark.parametrize("name", ["x.json", "x.fcsv"])
def test_very_large_texts_are_not_read(pet, tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        file.truncate(LARGEST_MB * 10**6 + 1)
    with pytest.raises(ValueError, match=rf"{name} has 64 MB, more than the 64 MB"):
        read_prompts(tmp_path / name, session_on(pet, "threshold:2").space)
