"""Weights and numbers of the public teachers."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support import COARSE_CONFIG, build_small_teacher

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
sys.path.append(str(GOLDEN))  # for seeded_weights


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread):
    """For all tests of this folder."""


@pytest.fixture(scope="session")
def layout() -> dict[str, list[int]]:
    """Names and shapes of the public checkpoints."""
    return json.loads((GOLDEN / "state_dict_layout.json").read_text())


@pytest.fixture(scope="session")
def golden() -> dict[str, torch.Tensor]:
    """What the public code gives for the seeded weights and patch."""
    with np.load(GOLDEN / "sam_med3d_seed0.npz") as numbers:
        return {name: torch.from_numpy(numbers[name]) for name in numbers}


@pytest.fixture(scope="session")
def golden_teacher(layout):
    """The public architecture with seeded weights."""
    from seeded_weights import seeded_state

    from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
    from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

    with torch.device("meta"):
        teacher = Sam3DTeacher(Sam3DConfig())
    state = {name: torch.from_numpy(values) for name, values in seeded_state(layout, 0).items()}
    teacher.load_state_dict(state, assign=True)
    return teacher.requires_grad_(False)


@pytest.fixture
def state():
    return build_small_teacher(seed=3).state_dict()


@pytest.fixture
def config():
    return dict(vars(COARSE_CONFIG))
