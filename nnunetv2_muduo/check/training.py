"""All findings about one training, in the order of the table."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

from nnunetv2_muduo.check.dataset import check_lists
from nnunetv2_muduo.check.environment import check_environment, find_trainer
from nnunetv2_muduo.check.findings import OK, PROBLEM, Finding, finding
from nnunetv2_muduo.check.fine_tuned_sam import check_sam
from nnunetv2_muduo.check.folders import check_files_of, check_folders
from nnunetv2_muduo.check.guard import guarded, said_once
from nnunetv2_muduo.check.images import check_images
from nnunetv2_muduo.check.needs import Needs
from nnunetv2_muduo.check.preparation import check_preparation
from nnunetv2_muduo.check.raw_dataset import RawDataset


@dataclass(frozen=True)
class Asked:
    """What is to be trained, in the words of nnUNetv2_train."""

    dataset: str
    configuration: str
    fold: int | str
    plans: str
    trainer: str


Estimate = Callable[[Path, Path, Asked, type], Finding]
"""What a training costs, from its raw and its preprocessed folder."""


def check_training(asked: Asked, estimate: Estimate) -> list[Finding]:
    """Findings on everything that a training needs. Nothing that is wrong with it is raised: it is a problem among them."""
    found: list[type | None] = []
    findings = guarded("trainer", lambda: found.append(find_trainer(asked.trainer)) or [])
    trainer = found[0] if found else None
    findings += guarded("environment", check_environment, asked.trainer, trainer) + guarded("folders", check_folders)
    if os.environ.get("nnUNet_raw"):
        findings += guarded("dataset", _check_dataset, asked, trainer, estimate)
    return said_once(findings)


def _check_dataset(asked: Asked, trainer: type | None, estimate: Estimate) -> list[Finding]:
    needs, name = Needs.of(trainer), maybe_convert_to_dataset_name(asked.dataset)
    dataset = RawDataset(Path(os.environ["nnUNet_raw"]) / name, asked.fold, asked.plans, asked.configuration)
    if not dataset.folder.is_dir():
        return [
            finding("dataset", name, problem=f"{dataset.folder} is no folder: correct -d, or convert the data first")
        ]
    if broken := guarded("dataset.json", lambda: dataset.json and []):
        return broken  # nothing else can be looked at
    return [
        *check_files_of(dataset),
        *check_lists(dataset, needs),
        *guarded("images", check_images, dataset, needs),
        *check_preparation(dataset, needs, asked.trainer),
        *(guarded("fine-tuned SAM", check_sam, dataset, trainer) if needs.fine_tuned_sam else []),
        *_estimated(dataset, asked, trainer, estimate),
    ]


def _estimated(dataset: RawDataset, asked: Asked, trainer: type | None, estimate: Estimate) -> list[Finding]:
    """What the training costs, where there are plans for it and it is one of ours; what is wrong with them is said before."""
    path = dataset.plans_file
    if not hasattr(trainer, "config_overrides") or path is None or not path.is_file():
        return []
    found = guarded("estimate", estimate, dataset.folder, path.parent, asked, trainer)
    return [replace(one, status=OK, found=f"none: {one.found}") if one.status == PROBLEM else one for one in found]
