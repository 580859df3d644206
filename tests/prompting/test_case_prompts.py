"""Files of a case, names of objects and their numbers."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.prompting import LIVER_MM, LUMP_MM, ball, image_of, session_on

from nnunetv2_muduo.prompting.case_prompts import (
    PromptSource,
    TypedPoint,
    give_prompts,
    object_numbers,
    prompts_of_case,
)
from nnunetv2_muduo.prompting.prompt_files.file_prompt import FilePrompt
from nnunetv2_muduo.prompting.space import ImageSpace


def named(*names):
    return [FilePrompt("point", True, np.zeros((1, 3)), "a file", name) for name in names]


def test_numbers_are_kept_and_names_get_the_lowest_that_are_free():
    assert object_numbers(named("liver", "2", "spleen", "liver", "1")) == {"liver": 3, "2": 2, "spleen": 4, "1": 1}
    assert object_numbers(named("0", "02", "256")) == {"0": 1, "02": 2, "256": 3}
    assert len(object_numbers(named(*map(str, range(1, 256))))) == 255
    with pytest.raises(ValueError, match="room for 255"):
        object_numbers(named(*(f"lesion {n}" for n in range(256))))


def write_clicks(path, *voxels):
    path.write_text(json.dumps({"tumor": list(voxels)}))


def test_a_folders_files_are_the_cases_own_and_masks_come_first(pet, tmp_path):
    write_clicks(tmp_path / "a_clicks.json", [42, 25, 30])
    write_clicks(tmp_path / "a_2_clicks.json", [1, 1, 1])
    write_clicks(tmp_path / "aa.json", [1, 1, 1])
    (tmp_path / "a.txt").write_text("no prompts")
    mask = sitk.Cast(image_of(ball(LIVER_MM, 60)), sitk.sitkUInt8)
    sitk.WriteImage(mask, str(tmp_path / "a_mask.nii.gz"))
    space = ImageSpace.of(pet)
    prompts = prompts_of_case("a", [PromptSource(tmp_path)], [], space)
    assert [one.kind for one in prompts] == ["mask", "point"]
    with pytest.raises(FileNotFoundError, match="has no prompts of b"):
        prompts_of_case("b", [PromptSource(tmp_path)], [], space)


def test_a_name_is_of_one_object(pet, tmp_path):
    labels = sitk.Cast(image_of(ball(LIVER_MM, 60) + 2 * ball(LUMP_MM, 30)), sitk.sitkUInt8)
    sitk.WriteImage(labels, str(tmp_path / "m.nii.gz"))
    write_clicks(tmp_path / "c.json", [42, 25, 30])
    space = ImageSpace.of(pet)
    point = TypedPoint(tuple(LUMP_MM), False, "lump")
    prompts = prompts_of_case("a", [PromptSource(tmp_path / "c.json", "liver")], [point], space)
    assert [(one.object_name, one.positive) for one in prompts] == [("liver", True), ("lump", False)]
    with pytest.raises(ValueError, match=r"m.nii.gz has several objects \(1, 2\)"):
        prompts_of_case("a", [PromptSource(tmp_path / "m.nii.gz", "liver")], [], space)


def test_what_a_session_refuses_is_named_with_its_source(pet):
    session = session_on(pet, "threshold:2")
    prompts = [
        FilePrompt("point", positive, LIVER_MM[None], f"c.json: {key}")
        for key, positive in (("tumor[0]", True), ("background[0]", False))
    ]
    with pytest.raises(ValueError, match=r"^c.json: background\[0\]: .*opposite"):
        give_prompts(session, prompts, {"1": 1})
    far = FilePrompt("point", True, np.full((1, 3), 9999.0), "c.json: tumor[1]")
    with pytest.raises(ValueError, match=r"^c.json: tumor\[1\]: .*outside the image"):
        give_prompts(session, [far], {"1": 1})
