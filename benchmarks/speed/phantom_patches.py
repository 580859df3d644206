"""Phantom patches with 12 organs, and teachers of the public size, on which the benchmarks work."""

import importlib.util
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nnunetv2_muduo.phantom.cohort import iterate_cases, render_case
from nnunetv2_muduo.phantom.tissues import LABELS
from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.teachers.weights import save_teacher

GOLDEN = Path(__file__).parents[2] / "tests" / "golden"
ORGANS = {name: label for name, label in LABELS.items() if label}
PATCH_SIZE = 128
_SPACING_MM = 5.0  # at which a patch holds a man's trunk, with all 12 organs


@dataclass(frozen=True)
class Patches:
    """CT in HU, PET in SUV (float32) and organ labels (int16), each [B, 1, 128, 128, 128]; axes (z, y, x)."""

    ct_hu: Tensor
    pet_suv: Tensor
    organ_map: Tensor

    def to(self, device: torch.device) -> "Patches":
        return Patches(self.ct_hu.to(device), self.pet_suv.to(device), self.organ_map.to(device))


def phantom_patches(n: int) -> Patches:
    """The trunks of `n` men."""
    men = (case for case in iterate_cases(seed=0) if case.patient.male)
    volumes = [render_case(case, _SPACING_MM) for case in itertools.islice(men, n)]
    ct, pet, organs = (
        torch.from_numpy(np.stack([_trunk(volume[name], volume["SEG"], air) for volume in volumes]))[:, None]
        for name, air in (("CTres", -1024), ("SUV", 0), ("SEG", 0))
    )
    return Patches(ct.float(), pet.float(), organs.to(torch.int16))


def cells(n: int) -> Tensor:
    """Organ map [1, 1, 128, 128, 128] (int16) of `n` up to 125 equal cubes."""
    axis = torch.arange(PATCH_SIZE).clamp(max=124) // 25
    labels = 1 + 25 * axis[:, None, None] + 5 * axis[:, None] + axis
    return torch.where(labels <= n, labels, 0).to(torch.int16)[None, None]


def student_probs(organ_map: Tensor, n_organs: int) -> Tensor:
    """Probabilities [B, 1 + n_organs, ...] of a student that has learned the organs, but is not sure."""
    one_hot = torch.nn.functional.one_hot(organ_map[:, 0].long(), 1 + n_organs).movedim(-1, 1)
    noise = torch.randn(one_hot.shape, generator=torch.Generator().manual_seed(0))
    return (4 * one_hot + noise).softmax(1)


def teacher_files(folder: Path) -> dict[str, str]:
    """Checkpoints of two teachers of the public architecture, with seeded weights, as config values."""
    return {
        f"{modality}_teacher": str(_teacher_file(folder, modality, seed)) for seed, modality in enumerate(("ct", "pet"))
    }


def seeded_teacher(seed: int) -> Sam3DTeacher:
    """A teacher of the public architecture (`vit_b_ori`) with reproducible weights."""
    seeded_weights = _load_module(GOLDEN / "seeded_weights.py")
    layout = json.loads((GOLDEN / "state_dict_layout.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        teacher = Sam3DTeacher(Sam3DConfig())
    state = {name: torch.from_numpy(values) for name, values in seeded_weights.seeded_state(layout, seed).items()}
    teacher.load_state_dict(state, assign=True)
    return teacher.requires_grad_(False)


def _teacher_file(folder: Path, modality: str, seed: int) -> Path:
    path = folder / f"{modality}.pth"
    save_teacher(seeded_teacher(seed), path)
    return path


def _trunk(volume: np.ndarray, organs: np.ndarray, air: float) -> np.ndarray:
    """A patch around the organs, filled up with air."""
    occupied = np.argwhere(organs)
    start = (occupied.min(0) + occupied.max(0) + 1 - PATCH_SIZE) // 2
    lower, upper = np.maximum(start, 0), np.minimum(start + PATCH_SIZE, volume.shape)
    inside = volume[tuple(slice(a, b) for a, b in zip(lower, upper, strict=True))]
    padding = list(zip(lower - start, start + PATCH_SIZE - upper, strict=True))
    return np.pad(inside, padding, constant_values=air)


def _load_module(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
