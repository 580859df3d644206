"""The napari script up to the viewer, in whose place a stub stands: what it shows, and what a click does."""

import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.prompting import middle_voxel

from nnunetv2_muduo import PromptSession, write_cohort

SCRIPT = Path(__file__).parents[2] / "notebooks" / "napari_clicks.py"
PAGE = Path(__file__).parents[2] / "docs" / "prompting.md"


class Layer:
    """A layer of a stub: data, and a scale from voxels to the world."""

    def __init__(self, data, scale, **more):
        self.data, self.scale, self.more = data, np.array(scale), more

    def world_to_data(self, position):
        return tuple(np.array(position) / self.scale)


class Viewer:
    """What the script uses of `napari.Viewer`."""

    def __init__(self):
        self.mouse_drag_callbacks, self.layers = [], {}

    def add_image(self, data, *, name, **more):
        return self.layers.setdefault(name, Layer(data, **more))

    add_labels = add_image


@pytest.fixture
def run_script(tmp_path, monkeypatch, one_thread):
    """Run the script on a phantom's PET; returns the viewer, the PET, and the folder it was run in."""
    study, *_ = write_cohort(tmp_path / "cohort", n_cases=1, seed=0, spacing_mm=10, n_processes=1)
    viewers, during = [], []

    def show():
        during.append(click_on_the_liver(viewers[0], study))

    stub = SimpleNamespace(Viewer=lambda: viewers.append(Viewer()) or viewers[-1], run=show)
    monkeypatch.setitem(sys.modules, "napari", stub)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(study / "SUV.nii.gz")])
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(SCRIPT))
    return viewers[0], study, during[0]


def click_on_the_liver(viewer, study):
    """Masks after a click in the middle of the liver, and after a Shift-click beside it; and the first place in mm."""
    truth = sitk.DICOMOrient(sitk.ReadImage(str(study / "SEG.nii.gz")), "LPS")
    middle = middle_voxel(sitk.GetArrayFromImage(truth) == 1)
    (callback,) = viewer.mouse_drag_callbacks
    masks = []
    for voxel, modifiers in ((middle, ()), (middle + (3, 0, 0), ("Shift",))):  # noqa: RUF005
        position = tuple(voxel * np.array(truth.GetSpacing()[::-1]))
        callback(viewer, SimpleNamespace(position=position, modifiers=modifiers))
        masks.append((tuple(voxel), viewer.layers["objects"].data))
    return masks


def test_it_shows_the_pet_and_a_click_gives_a_mask(run_script):
    viewer, study, ((inside, first), (outside, second)) = run_script
    pet = sitk.DICOMOrient(sitk.ReadImage(str(study / "SUV.nii.gz")), "LPS")
    np.testing.assert_allclose(viewer.layers["PET"].data, sitk.GetArrayFromImage(pet), atol=1e-5)
    np.testing.assert_allclose(viewer.layers["objects"].scale, pet.GetSpacing()[::-1])
    assert first.shape == second.shape == viewer.layers["PET"].data.shape
    assert first[inside] == second[inside] == 1
    assert second[outside] == 0
    session = PromptSession("small_pet")
    session.set_image(pet)
    session.load(Path(os.curdir) / "session.json")
    np.testing.assert_array_equal(session.label_array(), second)


def test_the_page_shows_it_as_it_is():
    code = SCRIPT.read_text(encoding="utf-8").partition('"""\n\n')[2]
    assert f"```python\n{code}```" in PAGE.read_text(encoding="utf-8")
