"""How often each organ stands in the prompt maps, beside how often it has a label: an organ in none is never taught."""

from collections.abc import Iterable

import numpy as np
from batchgenerators.utilities.file_and_folder_operations import join, load_pickle

from nnunetv2_muduo.data.unlabeled_dataset import load_prompt_map
from nnunetv2_muduo.labels import organ_names


def log_presence(trainer) -> None:
    """Log it for each organ, and name those that no prompt map has.

    Args:
        trainer: a nnUNetTrainerMuDuo whose prompt maps are there.
    """
    names = dict(zip(trainer.organ_labels, organ_names(trainer.dataset_json).values(), strict=True))
    labeled = count_cases(_labeled_locations(trainer), trainer.organ_labels)
    mapped = count_cases(_mapped_locations(trainer), trainer.organ_labels)
    n_labeled, n_mapped = len(trainer.do_split()[0]), len(trainer.unlabeled_cases)
    lines = (f"{name} {mapped[o]} (labels: {labeled[o]} of {n_labeled})" for o, name in names.items())
    trainer.print_to_log_file(f"Of {n_mapped} prompt maps, each organ stands in: {', '.join(lines)}.")
    never = [name for organ, name in names.items() if not mapped[organ] and labeled[organ]]
    if never:
        trainer.print_to_log_file(
            f"WARNING: {', '.join(never)} stand(s) in no prompt map, though labeled cases have it: the prompt generator has not "
            f"learned it, and unless the config says valid_by: either or student, unlabeled cases teach nothing of it."
        )


def count_cases(locations: Iterable[dict[int, np.ndarray]], organ_labels: list[int]) -> dict[int, int]:
    """For each organ the number of cases that have a place of it, from the places [n, 4] of each case by label."""
    counts = dict.fromkeys(organ_labels, 0)
    for of_case in locations:
        for organ in organ_labels:
            counts[organ] += len(of_case.get(organ, ())) > 0
    return counts


def _labeled_locations(trainer) -> Iterable[dict[int, np.ndarray]]:
    folder = trainer.preprocessed_dataset_folder
    return (load_pickle(join(folder, f"{case}.pkl"))["class_locations"] for case in trainer.do_split()[0])


def _mapped_locations(trainer) -> Iterable[dict[int, np.ndarray]]:
    folder = trainer.preparation.prompt_map_folder
    return (load_prompt_map(folder, case)[1] for case in trainer.unlabeled_cases)
