"""Synthesized whole bodies with official clicks: clicks on the PET's grid, organs that forbid, resumption, summary."""

import argparse

import numpy as np
import pytest
import SimpleITK as sitk
from support import make_case, untrained_model

from benchmarks.prompting import whole_body
from nnunetv2_muduo.prompting.official_clicks import CaseClicks
from nnunetv2_muduo.storage import write_json

LIVER = 3  # of the fixture's maps
LABELS = {"background": 0, "liver": 1, "kidneys": 2, "brain": 3, "lesion": 4}


def grid(size, spacing, origin):
    image = sitk.Image(*size, sitk.sitkUInt8)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    return image


def test_clicks_move_to_the_pets_grid_and_those_on_the_wrong_side_go():
    label_map, pet = grid((40, 40, 40), (2, 2, 3), (10, 20, 30)), grid((20, 20, 30), (4, 4, 4), (11, 21, 30.5))
    truth = sitk.Image(pet)
    truth[5, 5, 6] = LABELS["lesion"]
    in_lesion = [10, 10, 8]  # (30, 40, 54) mm: voxel (4.75, 4.75, 5.9) of the PET
    clicks = CaseClicks([in_lesion, [20, 20, 20], [39, 39, 39]], [[20, 20, 20], in_lesion, [21, 20, 20], [0, 0, 0]])
    found = whole_body.clicks_on(pet, label_map, clicks, truth, LABELS["lesion"])
    assert found.tumor == [(5, 5, 6)]
    assert found.background == [(10, 10, 15), (0, 0, 0)]  # [21, 20, 20] lies in the first one's voxel


def test_organs_with_physiological_uptake():
    organ_map = sitk.GetImageFromArray(np.arange(5, dtype=np.uint8).reshape(1, 1, 5))
    assert whole_body.bright_organs(organ_map, LABELS).ravel().tolist() == [False, False, True, True, False]


@pytest.mark.usefixtures("one_thread")
def test_a_case_is_run_for_what_is_missing_alone(tmp_path, label_folder):
    file = next(path for path in sorted(label_folder.iterdir()) if path.name.endswith(".nii.gz"))
    liver = np.argwhere(sitk.GetArrayFromImage(sitk.ReadImage(str(file))) == LIVER)
    clicks = CaseClicks([tuple(np.median(liver, 0).astype(int)[::-1].tolist())], [])
    args = argparse.Namespace(spacing=10.0, organs=whole_body.TRUTH)
    first = whole_body.run_case(file, clicks, ["threshold:0.41"], {}, args)
    assert first["n_clicks"] == {"tumor": 1, "background": 0}
    assert 0.5 < first["lesion_ml"] < 150
    columns = first["steps"]["threshold:0.41"]
    assert columns["n_prompts"] == [0, *[1] * 10]
    assert columns["dice"][0] == 0 < columns["dice"][-1]
    assert columns["obeyed"] == [True] * 11
    record = whole_body.run_case(file, clicks, [whole_body.WITH_ORGANS], first["steps"], args)
    assert record["steps"]["threshold:0.41"] is columns
    write_json(record, tmp_path / "case.json")
    assert whole_body.steps_done(tmp_path / "case.json", args) == record["steps"]
    args.spacing = 8.0
    assert whole_body.steps_done(tmp_path / "case.json", args) == {}
    text = whole_body.write_summary(tmp_path)
    assert "small_pet, organs" in text
    assert "100.0%" in text


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_model_answers_on_the_pets_grid(prepared_dataset, tmp_path):
    model = untrained_model()
    ct, pet, _ = make_case(0)
    for name, image in (("CTres", ct), ("SUV", pet)):
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    organ_map, names = whole_body.organs_of(tmp_path, LABELS, str(model))
    assert organ_map.GetSize() == pet.GetSize()
    assert 0 not in names.values()
    assert set(np.unique(sitk.GetArrayFromImage(organ_map)).tolist()) <= {0, *names.values()}
