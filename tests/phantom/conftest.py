"""One small cohort for all tests of the phantom, in memory and on disk, and label maps like AutoPET III's."""

import itertools
import json

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.phantom.anatomy import Grid, scan_grid, tissue_map
from nnunetv2_muduo.phantom.cohort import iterate_cases, render_case, write_cohort
from nnunetv2_muduo.phantom.population import ADULTS
from nnunetv2_muduo.phantom.tissues import TISSUES

ORGANS = ("spleen", "kidneys", "liver", "bladder", "lungs", "brain", "heart", "stomach", "prostate")
_TISSUES_OF = {
    "kidneys": "kidney",
    "lungs": "lung",
    "brain": ("gray_matter", "white_matter", "ventricle"),
    "heart": ("heart", "left_heart", "right_heart"),
    "stomach": ("stomach", "gas"),
}
MAP_NAMES = (  # the second and the third are of one patient
    "fdg_00aa11bb22_03-23-2003-NA-PET-CT Ganzkoerper  primaer mit KM-10445.nii.gz",
    "fdg_11cc22dd33_07-05-2001-NA-PET-CT Ganzkoerper  primaer mit KM-51804.nii.gz",
    "fdg_11cc22dd33_02-14-2005-NA-PET-CT Ganzkoerper  primaer mit KM-78148.nii.gz",
)


@pytest.fixture(scope="session")
def cases():
    """Seven studies: six patients, the second with two or three studies."""
    return list(itertools.islice(iterate_cases(seed=0), 7))


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
def label_folder(cases, tmp_path_factory):
    """A folder of three label maps of 6 x 6 x 9 mm in AutoPET's orientation, with a labels.json."""
    folder = tmp_path_factory.mktemp("label_maps")
    names = {"background": 0} | {name: value for value, name in enumerate(ORGANS, 1)}
    (folder / "labels.json").write_text(json.dumps(names))
    for name, case in zip(MAP_NAMES, cases, strict=False):
        sitk.WriteImage(organ_map(case), str(folder / name))
    return folder


def organ_map(case) -> sitk.Image:
    """The phantom's organs, numbered as in ORGANS."""
    fine = scan_grid(case.patient, case.study, ADULTS.field_of_view_mm, 3.0)
    grid = Grid((fine.axes_zyx[0][::3], fine.axes_zyx[1][::2], fine.axes_zyx[2][::2]), 6.87)
    value_of = np.zeros(len(TISSUES), np.uint8)
    for value, organ in enumerate(ORGANS, 1):
        value_of[[tissue.name.startswith(_TISSUES_OF.get(organ, organ)) for tissue in TISSUES]] = value
    image = sitk.GetImageFromArray(value_of[tissue_map(case.patient, case.study, grid)][:, ::-1])
    image.SetSpacing((6, 6, 9))
    image.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, 1))
    image.SetOrigin((-280.5, 211.25, -1247))
    return image
