"""Checks of what CFR needs: the extra, and its fine-tuned SAM or what training makes one from."""

import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any

from nnunetv2_muduo.check.findings import Finding, finding, first
from nnunetv2_muduo.check.plans import preprocessed_cases, settings_of
from nnunetv2_muduo.check.raw_dataset import RawDataset
from nnunetv2_muduo.check.sam_estimates import cut_patch
from nnunetv2_muduo.config import load_config
from nnunetv2_muduo.teachers.sam2d.slices import MOST_CHANNELS, layout_of
from nnunetv2_muduo.trainers.student_channels import numbers_of_channels

EXTRA = "pip install 'nnunetv2_muduo[cfr]'"
_SUBJECT = "fine-tuned SAM"


def check_extra() -> Finding:
    """The library that has SAM must be installed."""
    if importlib.util.find_spec("transformers") is None:
        return finding("transformers", "not installed", problem=EXTRA)
    return finding("transformers", importlib.metadata.version("transformers"))


def check_sam(dataset: RawDataset, trainer: type) -> Finding:
    """The config's fine-tuned SAM must be of the fold's labels; where it names none, a SAM to make it from must be there."""
    config = load_config(trainer.config_overrides, trainer.config_class)
    channels = numbers_of_channels(config.student_channels, dataset.channels)
    if len(channels) > MOST_CHANNELS:
        many = f"a 2D SAM sees at most {MOST_CHANNELS} channels, not {len(channels)}: choose some with student_channels"
        return finding(_SUBJECT, "", problem=many)
    if config.sam_file is None:
        why_not = _why_slices_do_not_fit(dataset, config)
        return finding(_SUBJECT, "", problem=why_not) if why_not else _check_source(config.sam, config.sam_iterations)
    from nnunetv2_muduo.teachers.sam2d.checkpoint import read_made_from

    try:
        file = Path(config.sam_file).expanduser()
        made_from = read_made_from(file)
    except (FileNotFoundError, ValueError) as error:
        return finding(_SUBJECT, "", problem=str(error))
    found = f"{file}, made from {len(made_from['labels'])} labeled cases"
    problem = _other_labels(dataset, made_from["labels"]) or _other_view(dataset, config, channels, made_from["seen"])
    return finding(_SUBJECT, found, problem=problem)


def _check_source(sam: str, n_iterations: int) -> Finding:
    from nnunetv2_muduo.teachers.sam2d.network import PUBLIC, RANDOM, is_here

    found = f"training fine-tunes {sam} first, for {n_iterations} iterations, unless that is done"
    if sam == RANDOM:
        return finding(_SUBJECT, found, warning="tiny has random weights, for trying out only")
    if is_here(sam):
        return finding(_SUBJECT, found)
    if sam in PUBLIC or not Path(sam).is_absolute():
        name = PUBLIC.get(sam, sam)
        return finding(_SUBJECT, found, warning=f"its weights are not on this machine: {name} will be downloaded")
    return finding(_SUBJECT, found, problem=f"{sam} holds no config.json and model.safetensors")


def _why_slices_do_not_fit(dataset: RawDataset, config) -> str:
    """What speaks against the patch's slices on the SAM's canvas; empty where nothing does, as far as can be seen yet."""
    from nnunetv2_muduo.teachers.sam2d.network import known_canvas_size

    canvas_size = known_canvas_size(config.sam)
    if dataset.plans is None or canvas_size is None:
        return ""
    try:
        layout_of(*cut_patch(config, settings_of(dataset.plans_file, dataset.configuration)), canvas_size)
    except ValueError as error:
        return str(error)
    return ""


def _other_view(dataset: RawDataset, config, channels: list[int], seen: dict[str, Any]) -> str:
    """What speaks against a SAM that saw something; empty where this training shows it the same, as far as can be seen yet."""
    if dataset.plans is None:
        return ""
    patch_size, axis = cut_patch(config, settings_of(dataset.plans_file, dataset.configuration))
    n_classes = len(dataset.json["labels"].keys() - {"ignore"})
    wanted = {"channels": channels, "n_classes": n_classes, "axis": axis, "patch_size": patch_size}
    differing = [f"{name} {seen.get(name)}, here {now}" for name, now in wanted.items() if seen.get(name) != now]
    return f"it was fine-tuned on another view of the data: {'; '.join(differing)}" if differing else ""


def _other_labels(dataset: RawDataset, made_from: dict[str, Any]) -> str:
    """What speaks against labels that a SAM was fine-tuned on; empty where they are the fold's, as far as can be seen yet."""
    from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class

    from nnunetv2_muduo.data.generator_identity import label_digests

    if dataset.fold != "all" and dataset.split is None:
        return ""  # the fold is still to be drawn
    names = set(dataset.split["train"]) if dataset.split else set(dataset.images["labeled"])
    if other := names ^ made_from.keys():
        return f"it was fine-tuned on other cases than the fold's, which differ in {first(other)}"
    if dataset.plans_file is None or not dataset.plans_file.is_file():
        return ""
    folder = preprocessed_cases(dataset)
    if not folder.is_dir():
        return ""
    digests = label_digests(infer_dataset_class(str(folder))(str(folder), sorted(names)))
    changed = [case for case in names if digests[case] != made_from[case]]
    return f"labels have changed since it was fine-tuned: {first(changed)}" if changed else ""
