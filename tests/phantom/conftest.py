"""One small cohort for all tests of the phantom, in memory and on disk, and label maps like AutoPET III's."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.phantom import KINDS, PARTS, QUIET, SHIFT_ZYX

from nnunetv2_muduo.phantom.anatomy import scan_grid, tissue_map
from nnunetv2_muduo.phantom.cohort import render_case, write_cohort
from nnunetv2_muduo.phantom.label_cohort import Recipe, mapped_case, render_from_labels
from nnunetv2_muduo.phantom.label_files import find_label_files
from nnunetv2_muduo.phantom.label_map import LabelMap
from nnunetv2_muduo.phantom.population import ADULTS
from nnunetv2_muduo.phantom.tissues import TISSUES


@pytest.fixture(scope="session")
def rendered(cases):
    """CTres, SUV and SEG of each of the cases at 8 mm."""
    return [render_case(case, spacing_mm=8.0) for case in cases]


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """(folder, studies) of a cohort of four at 12 mm, written in this process."""
    folder = tmp_path_factory.mktemp("phantom") / "cohort"
    return folder, write_cohort(folder, n_cases=4, seed=3, spacing_mm=12, n_processes=1)


@pytest.fixture(scope="session")
def labels(label_folder):
    return json.loads((label_folder / "labels.json").read_text())


@pytest.fixture(scope="session")
def render(label_folder, labels):
    """Render map number `index`, with settings of the population; arrays (z, y, x), y to the front."""
    files = find_label_files(label_folder)

    def render_arrays(index, seed=0, population=QUIET, **settings):
        recipe = Recipe(labels, seed, 8.0, replace(population, **settings))
        images = render_from_labels(mapped_case(files[index]), recipe)
        return {name: sitk.GetArrayFromImage(image) for name, image in images.items()}

    return render_arrays


@pytest.fixture(scope="session")
def studies(render):
    """Three maps with two seeds each."""
    return [render(index, seed) for index, seed in itertools.product(range(3), (0, 1))]


@pytest.fixture(scope="session")
def truth(cases):
    """(the phantom's organs as a label map in a scan that is shifted, the patient's size)."""
    patient = replace(cases[0].patient, shape_variation_mm=0.0)
    study = replace(cases[0].study, turn_deg=0.0, shift_xyz=(0.0, 0.0, 0.0))
    grid = scan_grid(patient, study, ADULTS.field_of_view_mm, 8.0)
    value_of = np.zeros(len(TISSUES), np.uint8)
    for value, kind in KINDS.items():
        value_of[[t.name.startswith(PARTS.get(kind, kind)) for t in TISSUES]] = value
    labels = value_of[tissue_map(patient, study, grid)]
    origin = tuple(axis[0] + shift for axis, shift in zip(grid.axes_zyx, SHIFT_ZYX, strict=True))
    return LabelMap(labels, (8.0,) * 3, origin), patient.scale_xyz


@pytest.fixture(scope="session")
def files(label_folder):
    return find_label_files(label_folder)
