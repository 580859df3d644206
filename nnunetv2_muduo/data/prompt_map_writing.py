"""Making of prompt maps: the frozen generator's answers, and how stable they are, for cases that have none yet."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from tqdm import tqdm

from nnunetv2_muduo import storage
from nnunetv2_muduo.claims import CaseClaims, in_any_order
from nnunetv2_muduo.data.checksums import sealed
from nnunetv2_muduo.data.label_stability import STABILITY_KEY, stability
from nnunetv2_muduo.data.prompt_maps import GENERATOR_FILE, case_identity, map_files, outdated_maps
from nnunetv2_muduo.data.small_components import remove_small_components
from nnunetv2_muduo.data.unlabeled_dataset import load_views


def make_prompt_maps(
    claims: CaseClaims,
    cases: list[str],
    unlabeled_folder: Path,
    made_by: dict[str, Any],
    predictors: list[nnUNetPredictor],
    in_few_components: list[int],
) -> None:
    """Predict organ maps for cases; see `write_prompt_map`. A record `CASE.json` is written last.

    Cases that another process makes meanwhile are left to it.

    Args:
        claims: of the folder of maps, begun before it was looked at what is missing.
        made_by: identity and ID of the generator.
        predictors: the generator and, where the stability of its answers is asked for, an earlier moment of its training.
        in_few_components: organs whose small components are left out; see `small_components`.
    """
    folder = claims.folder
    folder.mkdir(parents=True, exist_ok=True)
    storage.remove_leftovers(folder)
    storage.write_json(made_by, folder / GENERATOR_FILE)
    for case in tqdm(in_any_order(cases), desc="Making prompt maps"):
        with claims.claim(case, "makes the prompt map of") as is_as_before:
            if is_as_before or outdated_maps(folder, unlabeled_folder, [case], made_by):
                _make_prompt_map(case, folder, unlabeled_folder, predictors, in_few_components)


def _make_prompt_map(
    case: str, folder: Path, unlabeled_folder: Path, predictors: list[nnUNetPredictor], in_few_components: list[int]
) -> None:
    views = load_views(unlabeled_folder, case, physical=())
    student_view = views[tuple(slice(0, n) for n in views.shape)]
    organs = predictors[0].label_manager.foreground_labels
    patch_size = predictors[0].configuration_manager.patch_size
    organ_map, *earlier = (remove_small_components(_predict(p, student_view)[0], in_few_components) for p in predictors)
    write_prompt_map(organ_map[None], folder, case, organs, patch_size)
    record: dict[str, Any] = {"case": case_identity(unlabeled_folder, case)}
    if earlier:
        record[STABILITY_KEY] = stability(organ_map, earlier[0], organs)
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
