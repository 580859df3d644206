"""Prompt maps: the frozen prompt generator's organ labels for every unlabeled case, computed once."""

from pathlib import Path
from typing import Any

from nnunetv2_muduo import storage
from nnunetv2_muduo.data.checksums import OncePerFile
from nnunetv2_muduo.data.generator_identity import GENERATOR_RECORD, why_not
from nnunetv2_muduo.data.unlabeled_dataset import channel_files

GENERATOR_FILE = "generator.json"
"""In a folder of maps: identity and ID of the generator that made them."""
N_ID_DIGITS = 8
"""Of a generator's ID, as names and messages have it."""


def prompt_map_folder(unlabeled_folder: Path, model: str, fold: str, generator_id: str) -> Path:
    """Where the maps of one generator are kept.

    Args:
        model, fold: names of the generator's folders among nnU-Net's results.
        generator_id: ID of the training that made the generator.
    """
    return unlabeled_folder / "prompt_maps" / f"{model}__{fold}__{generator_id[:N_ID_DIGITS]}"


def latest_prompt_maps(unlabeled_folder: Path, generator_trainer: str | None, fold: str) -> Path | None:
    """The newest maps that a trainer of generators (None: any) made for a fold (`fold_0`), None where there are none."""
    folders = (unlabeled_folder / "prompt_maps").glob(f"{generator_trainer or '*'}__*__{fold}__*")
    return max(folders, key=lambda folder: folder.stat().st_mtime, default=None)


def prompt_maps_of(training: Path, unlabeled_folder: Path, generator_trainer: str | None) -> Path | None:
    """The maps that teach a training: its own generator's where that is on record, else the newest, as 0.1 noted none.

    Args:
        training: folder of its fold, with its checkpoints.
    """
    generator_id = (storage.read_json(training / GENERATOR_RECORD) or {}).get("id")
    if generator_id is None:
        return latest_prompt_maps(unlabeled_folder, generator_trainer, training.name)
    own = (unlabeled_folder / "prompt_maps").glob(f"*__{training.name}__{generator_id[:N_ID_DIGITS]}")
    return next(own, None)


def read_made_by(folder: Path) -> dict[str, Any]:
    """Identity and ID of the generator that made the maps in a folder; empty where that is not on record."""
    return {"generator": {}, "id": "", **(storage.read_json(folder / GENERATOR_FILE) or {})}


def require_prompt_maps(folder: Path, identity: dict[str, Any]) -> None:
    """Refuse maps that were made by another generator than the one that belongs to this training.

    Raises:
        ValueError: the maps are missing, or come from other labels (leakage), plans or schedules.
    """
    record = storage.read_json(folder / GENERATOR_FILE) or {}
    reason = why_not(record.get("generator"), identity)
    if reason is not None:
        raise unusable_maps(folder, reason)


def unusable_maps(folder: Path, reason: str) -> ValueError:
    """The error of a training whose prompt maps are not there, or another training's."""
    return ValueError(
        f"The prompt maps in {folder} can't be used: {reason}. Run `muduo prepare` for this data set, fold and trainer; "
        f"it makes them anew from the right labels."
    )


def outdated_maps(folder: Path, unlabeled_folder: Path, cases: list[str], made_by: dict[str, Any]) -> dict[str, str]:
    """Cases whose prompt map has to be made (again), each with the reason why.

    Args:
        made_by: identity and ID of the generator the maps should come from.
    """
    record = storage.read_json(folder / GENERATOR_FILE) or {}
    reason = why_not(record.get("generator"), made_by["generator"])
    if reason is not None:
        others = folder.parent.glob(f"{folder.name.rpartition('__')[0]}__*")
        return dict.fromkeys(cases, "the prompt generator is a new one" if any(others) else reason)
    reasons = {}
    for case in cases:
        made_from = _made_from(folder / f"{case}.json")
        if made_from is None or not all(file.is_file() for file in map_files(folder, case)):
            reasons[case] = "not there"
        elif made_from != case_identity(unlabeled_folder, case):
            reasons[case] = "the case was preprocessed again"
    return reasons


def unfit_maps(
    folder: Path, unlabeled_folder: Path, cases: list[str], organs: list[int], ranges: OncePerFile
) -> dict[str, str]:
    """Cases whose prompt map has another shape than the case or labels that the data set does not have, with the reason.

    Args:
        organs: label values of the data set, without background.
        ranges: of `label_ranges`.
    """
    files = {case: map_files(folder, case)[0] for case in cases}
    reasons = {case: _why_shape_is_unfit(files[case], channel_files(unlabeled_folder, case, 1)[0]) for case in cases}
    found = ranges([files[case] for case in cases if reasons[case] is None])  # a damaged shape may ask for any memory
    reasons |= {case: _why_labels_are_unfit(found[files[case]], max(organs)) for case in cases if files[case] in found}
    return {case: f"{files[case].name} {reason}" for case, reason in reasons.items() if reason is not None}


def _why_shape_is_unfit(organ_map: Path, channel: Path) -> str | None:
    shape, of_case = _shape_of(organ_map), _shape_of(channel)
    if shape is None:
        return "is damaged"
    fits = of_case in (None, shape)  # None: its loader says it
    return None if fits else f"has the shape {shape}, its case {of_case}"


def _why_labels_are_unfit(least_and_greatest: tuple[int, int] | None, most: int) -> str | None:
    if least_and_greatest is None:
        return "is damaged"
    least, greatest = least_and_greatest
    return (
        None
        if 0 <= least <= greatest <= most
        else f"has labels from {least} to {greatest}, the data set from 0 to {most}"
    )


def _shape_of(file: Path) -> tuple[int, ...] | None:
    """Shape [1, a, b, c] of an array; None where it can't be read."""
    try:
        return storage.StoredArray(file).shape
    except storage.DamagedFile:
        return None


def label_ranges() -> OncePerFile:
    """Least and greatest label of prompt maps, None for one that can't be read."""
    return OncePerFile(_label_range, "Looking at prompt maps")


def _label_range(file: Path) -> tuple[int, int] | None:
    try:
        labels = storage.StoredArray(file)[:]
        return int(labels.min()), int(labels.max())
    except ValueError:  # damaged, or empty
        return None


def map_files(folder: Path, case: str) -> list[Path]:
    """Files of a case's prompt map, labels and places, but for its record."""
    return [folder / f"{case}{ending}" for ending in (".b2nd", ".npz")]


def _made_from(record_file: Path) -> list | None:
    """Identity of the case that a map was made from; records of 0.1.0 are nothing else."""
    record = storage.read_json(record_file)
    return record.get("case") if isinstance(record, dict) else record


def case_identity(unlabeled_folder: Path, case: str) -> list:
    """What the preprocessed case that a map belongs to was made from."""
    record = storage.read_json(unlabeled_folder / f"{case}.json") or {}
    turned = [record["turned_from"]] if "turned_from" in record else []
    return [record.get("plan"), storage.content_of(record.get("source", [])), *turned]
