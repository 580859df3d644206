"""Prompt maps: the frozen prompt generator's organ labels for every unlabeled case, computed once."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from tqdm import tqdm

from nnunetv2_muduo import storage
from nnunetv2_muduo.claims import CaseClaims, in_any_order
from nnunetv2_muduo.data.checksums import OncePerFile, sealed
from nnunetv2_muduo.data.generator_identity import why_not
from nnunetv2_muduo.data.small_components import remove_small_components
from nnunetv2_muduo.data.unlabeled_dataset import channel_files, load_views
from nnunetv2_muduo.data.views import N_CHANNELS

_RECORD = "generator.json"
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


def read_made_by(folder: Path) -> dict[str, Any]:
    """Identity and ID of the generator that made the maps in a folder; empty where that is not on record."""
    return {"generator": {}, "id": "", **(storage.read_json(folder / _RECORD) or {})}


def require_prompt_maps(folder: Path, identity: dict[str, Any]) -> None:
    """Refuse maps that were made by another generator than the one that belongs to this training.

    Raises:
        ValueError: the maps are missing, or come from other labels (leakage), plans or schedules.
    """
    record = storage.read_json(folder / _RECORD) or {}
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
    record = storage.read_json(folder / _RECORD) or {}
    reason = why_not(record.get("generator"), made_by["generator"])
    if reason is not None:
        others = folder.parent.glob(f"{folder.name.rpartition('__')[0]}__*")
        return dict.fromkeys(cases, "the prompt generator is a new one" if any(others) else reason)
    reasons = {}
    for case in cases:
        made_from = _made_from(folder / f"{case}.json")
        if made_from is None or not all(file.is_file() for file in map_files(folder, case)):
            reasons[case] = "not there"
        elif made_from != _case_identity(unlabeled_folder, case):
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


def make_prompt_maps(
    cases: list[str],
    folder: Path,
    unlabeled_folder: Path,
    made_by: dict[str, Any],
    predictor: nnUNetPredictor,
    in_few_components: list[int],
) -> None:
    """Predict organ maps for cases; see `write_prompt_map`. A record `CASE.json` is written last.

    Cases that another process makes meanwhile are left to it.

    Args:
        in_few_components: organs whose small components are left out; see `small_components`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    storage.remove_leftovers(folder)
    storage.write_json(made_by, folder / _RECORD)
    claims = CaseClaims.begin(folder, cases)
    for case in tqdm(in_any_order(cases), desc="Making prompt maps"):
        with claims.claim(case, "makes the prompt map of") as is_as_before:
            if is_as_before or outdated_maps(folder, unlabeled_folder, [case], made_by):
                _make_prompt_map(case, folder, unlabeled_folder, predictor, in_few_components)


def _make_prompt_map(
    case: str, folder: Path, unlabeled_folder: Path, predictor: nnUNetPredictor, in_few_components: list[int]
) -> None:
    views = load_views(unlabeled_folder, case)
    student_view = views[tuple(slice(0, n) for n in views.shape)][:N_CHANNELS]
    organs, patch_size = predictor.label_manager.foreground_labels, predictor.configuration_manager.patch_size
    organ_map = remove_small_components(_predict(predictor, student_view)[0], in_few_components)[None]
    write_prompt_map(organ_map, folder, case, organs, patch_size)
    record = {"case": _case_identity(unlabeled_folder, case)}
    storage.write_json(sealed(record, map_files(folder, case)), folder / f"{case}.json")


def _predict(predictor: nnUNetPredictor, student_view: np.ndarray) -> np.ndarray:
    logits = predictor.predict_sliding_window_return_logits(torch.from_numpy(student_view))
    n_labels = logits.shape[0]
    return logits.argmax(0, keepdim=True).cpu().numpy().astype(np.uint8 if n_labels <= 256 else np.int16)


def write_prompt_map(organ_map: np.ndarray, folder: Path, case: str, organs: list[int], patch_size: list[int]) -> None:
    """Write `CASE.b2nd` [1, a, b, c] (organ labels) and `CASE.npz` (places of each organ, to draw patches around them)."""
    places = DefaultPreprocessor._sample_foreground_locations(organ_map, organs)
    arrays = {str(organ): np.asarray(at, dtype=np.int16).reshape(-1, 4) for organ, at in places.items()}
    with storage.replacing(folder / f"{case}.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    storage.write_array(organ_map, folder / f"{case}.b2nd", patch_size)


def _made_from(record_file: Path) -> list | None:
    """Identity of the case that a map was made from; records of 0.1.0 are nothing else."""
    record = storage.read_json(record_file)
    return record.get("case") if isinstance(record, dict) else record


def _case_identity(unlabeled_folder: Path, case: str) -> list:
    record = storage.read_json(unlabeled_folder / f"{case}.json") or {}
    turned = [record["turned_from"]] if "turned_from" in record else []
    return [record.get("plan"), storage.content_of(record.get("source", [])), *turned]
