"""Checks of nnU-Net's plans, and of the cases that were preprocessed with them."""

from pathlib import Path
from typing import Any

from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager

from nnunetv2_muduo.check.dataset import check_channels
from nnunetv2_muduo.check.findings import PROBLEM, Finding, finding, first
from nnunetv2_muduo.check.needs import Needs
from nnunetv2_muduo.check.raw_dataset import RawDataset
from nnunetv2_muduo.data.supported import why_no_such_training
from nnunetv2_muduo.data.unlabeled import why_no_physical_units
from nnunetv2_muduo.user_files import expecting_fields, read_plans

NEEDED = {"patch_size": list, "batch_size": int, "spacing": list}
"""Fields of a configuration without which nothing can be said of it."""
ENDINGS = (".b2nd", ".npz", ".npy")
"""Of a preprocessed case, in the formats that nnU-Net writes."""


def settings_of(path: Path, configuration: str) -> dict[str, Any]:
    """Settings of a configuration, with those that it inherits.

    Raises:
        ValueError: the plans are no plans, don't have it, or it lacks a field that decides about a training.
    """
    settings = _with_inherited(path, read_plans(path)["configurations"], configuration)
    wrong = [name for name, kind in NEEDED.items() if not isinstance(settings.get(name), kind)]
    if wrong:
        raise ValueError(f"{configuration} in {path} has no {', '.join(wrong)}: run nnUNetv2_plan_and_preprocess again")
    return settings


def _with_inherited(
    path: Path, configurations: dict[str, Any], name: str, heirs: tuple[str, ...] = ()
) -> dict[str, Any]:
    if name not in configurations:
        raise ValueError(f"no {name} in them, but {', '.join(configurations) or 'none'} ({path}): correct -c")
    if name in heirs:
        raise ValueError(f"{path}: {name} inherits from itself ({' from '.join((*heirs, name))}). Correct the file.")
    parent = configurations[name].get("inherits_from")
    if parent is None:
        return configurations[name]
    return {**_with_inherited(path, configurations, parent, (*heirs, name)), **configurations[name]}


def check_plans(dataset: RawDataset, needs: Needs, trainer_name: str) -> Finding:
    """The plans must be there and have the configuration, which must be one that can be trained, with teachers if need be."""
    path, configuration = dataset.plans_file, dataset.configuration
    if path is None or not path.is_file():
        return finding("plans", dataset.plans_name, problem=_how_to_plan(dataset, path))
    settings = settings_of(path, configuration)
    problem = why_no_such_training(trainer_name, configuration, settings)
    if needs.teachers and not problem and check_channels(dataset, needs).status != PROBLEM:  # which is said by itself
        problem = _why_no_physical_units(path, settings, dataset.json, trainer_name)
    return finding("plans", f"{dataset.plans_name}, {configuration}", problem=problem or "")


def _why_no_physical_units(path: Path, settings: dict[str, Any], description: dict, trainer_name: str) -> str | None:
    with expecting_fields(path):
        return why_no_physical_units(trainer_name, ConfigurationManager(settings), description)


def _how_to_plan(dataset: RawDataset, path: Path | None) -> str:
    if path is None:
        return "nnUNet_preprocessed is not set, so there are none: export nnUNet_preprocessed=/path"
    others = sorted(file.stem for file in path.parent.glob("*Plans*.json"))
    number = dataset.folder.name.removeprefix("Dataset")[:3]
    run = f"run nnUNetv2_plan_and_preprocess -d {number} -c {dataset.configuration}"
    return f"not there yet ({path}): {run}" + (f", or name one of {', '.join(others)} with -p" if others else "")


def preprocessed_cases(dataset: RawDataset) -> Path:
    """Folder of the labeled cases that nnU-Net has preprocessed, or will; there are plans."""
    path, configuration = dataset.plans_file, dataset.configuration
    identifier = settings_of(path, configuration).get("data_identifier", f"{dataset.plans_name}_{configuration}")
    return path.parent / identifier


def check_cases_preprocessed(dataset: RawDataset) -> Finding:
    """The fold's labeled cases must have been preprocessed with the configuration; plans alone are not enough."""
    path, plans_name, configuration = dataset.plans_file, dataset.plans_name, dataset.configuration
    if path is None or not path.is_file():
        return finding("prepared by nnU-Net", "not there yet")
    folder = preprocessed_cases(dataset)
    of_fold = {case for part in dataset.split.values() for case in part} if dataset.split else None
    cases = [case for case in dataset.images["labeled"] if of_fold is None or case in of_fold]
    missing = [case for case in cases if not any((folder / f"{case}{ending}").is_file() for ending in ENDINGS)]
    again = f"run nnUNetv2_preprocess -d {dataset.folder.name} -c {configuration} -plans_name {plans_name}"
    problem = f"{len(missing)} labeled cases are not in {folder} ({first(missing)}): {again}" if missing else ""
    return finding("prepared by nnU-Net", f"{len(cases) - len(missing)} labeled cases", problem=problem)
