"""The small teachers of the package on patients that they have not seen."""

import pytest
import torch

from nnunetv2_muduo.phantom.cohort import write_cohort
from nnunetv2_muduo.teacher_training.crops import Cropper
from nnunetv2_muduo.teacher_training.data import load_volumes
from nnunetv2_muduo.teacher_training.validation import PROMPT_ITSELF, held_out_crops, validate
from nnunetv2_muduo.teachers import load_teacher
from nnunetv2_muduo.teachers.registry import SMALL_TEACHERS, TEACHERS
from nnunetv2_muduo.teachers.small import SMALL_CONFIG

LOWEST = {"3 points at once": 0.55, "true mask": 0.75, "gain": 0.05}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patients") / "phantoms"
    write_cohort(folder, n_cases=2, seed=0, spacing_mm=8, n_processes=1)
    return folder


def dice_of(modality, cohort, tmp_path):
    """On voxels of 11 mm, in the middle of what they were trained on."""
    volumes = load_volumes([str(cohort)], modality, (11.0, 11.0), tmp_path, seed=0)
    crops = held_out_crops(volumes, Cropper(modality, SMALL_CONFIG.image_size, max_organs=20), n_crops=10)
    return validate(load_teacher(f"small_{modality}"), crops, torch.device("cpu"))


@pytest.mark.parametrize("modality", ["ct", "pet"])
def test_they_know_the_phantoms_organs(modality, cohort, tmp_path):
    mean = {kind: organs["mean"] for kind, organs in dice_of(modality, cohort, tmp_path).items()}
    assert mean["3 points at once"] > LOWEST["3 points at once"]
    assert mean["true mask"] > LOWEST["true mask"]
    assert mean["student-like mask"] > mean[PROMPT_ITSELF] + LOWEST["gain"]


@pytest.mark.parametrize("modality", ["ct", "pet"])
def test_files_are_small_and_complete(modality):
    path = TEACHERS[f"small_{modality}"].path
    assert path == SMALL_TEACHERS / f"{modality}.safetensors"
    assert path.stat().st_size <= 4 * 2**20
    teacher = load_teacher(f"small_{modality}")
    assert teacher.config == SMALL_CONFIG
    assert all(parameter.dtype == torch.float32 for parameter in teacher.parameters())
    assert (SMALL_TEACHERS / "MODEL_CARD.md").is_file()
