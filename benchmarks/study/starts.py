"""Trainers of rows, and the shared networks from which they go on: supervised, one for each choice of channels."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import yaml

from benchmarks.study.configs import trainer_class
from benchmarks.study.counting import CountedTraining, no_costs
from benchmarks.study.rows import OF_TEACHERS, SUPERVISED_TRAINER, Row
from benchmarks.study.split import CONFIGURATION, FOLD, PLANS, Split
from nnunetv2_muduo.claims import claimed
from nnunetv2_muduo.config import CONFIG_VARIABLE
from nnunetv2_muduo.storage import read_json, replacing

SECOND = "second"
"""Shared network of all channels with other initial weights and patches, for methods of two networks."""


@contextmanager
def config_in_place(split: Split, row: Row) -> Iterator[None]:
    """Let trainers, also those that are found by their names, read a row's config."""
    file = split.own_folder / "configs" / f"{row.name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as part:
        part.write_text(yaml.safe_dump(row.config(split.size)), encoding="utf-8")
    before = os.environ.get(CONFIG_VARIABLE)
    os.environ[CONFIG_VARIABLE] = str(file)
    try:
        yield
    finally:
        os.environ.pop(CONFIG_VARIABLE)
        os.environ.update({} if before is None else {CONFIG_VARIABLE: before})


def make_trainer(split: Split, row: Row, device: torch.device, seed_part: str, *mixins: type):
    """A row's trainer, named after the row, with freshly seeded random numbers; its config must be in place."""
    seed_all(split.seed_of(seed_part))
    plans, dataset_json = (read_json(split.preprocessed / name) for name in (f"{PLANS}.json", "dataset.json"))
    bases = (CountedTraining, *mixins, trainer_class(row))
    own_class = type(f"{row.trainer}_{row.name}".replace(".", "p"), bases, {})
    return own_class({**plans, "continue_training": False}, CONFIGURATION, FOLD, dataset_json, device)


def start(trainer, split: Split, row: Row) -> dict[str, float]:
    """Give an initialized trainer the weights that its row starts with, of a second network too.

    Moving averages copy the student when a training begins.

    Returns:
        What the shared networks have cost; see `counting.no_costs`.
    """
    costs, starts = no_costs(), []
    if row.start == OF_TEACHERS:
        starts = [(trainer.network, network_of_teachers(split, trainer.device))]
    elif row.start != "scratch" and split.size.n_shared_epochs:
        starts = [(trainer.network, shared_network(split, row.start, trainer.device))]
        if hasattr(trainer, "peer"):
            starts.append((trainer.peer["network"], shared_network(split, SECOND, trainer.device)))
    for network, shared in starts:
        network.load_state_dict(shared["weights"])
        costs = {key: value + shared[key] for key, value in costs.items()}
    return costs


def network_of_teachers(split: Split, device: torch.device) -> dict:
    """As `shared_network`, of the teachers' patients and all of their labels.

    Raises:
        ValueError: their labels are others than the split's, so that a network of theirs could not go on with these.
    """
    own, theirs = (read_json(each.preprocessed / "dataset.json")["labels"] for each in (split, split.of_teachers))
    if own != theirs:
        raise ValueError(f"Labels of the teachers' patients are {theirs}, those of {split} are {own}.")
    return shared_network(split.of_teachers, "all", device)


def shared_network(split: Split, name: str, device: torch.device) -> dict:
    """Weights of a shared network and what they have cost; trained where it is not there."""
    file = split.own_folder / f"shared_{name}.pth"
    with claimed(file.with_suffix(".lock"), "trains the shared network"):
        if not file.is_file():
            _train_shared_network(split, name, device, file)
    return torch.load(file, map_location=device, weights_only=True)


def _train_shared_network(split: Split, name: str, device: torch.device, file: Path) -> None:
    channels = name if name in ("pet", "ct") else "all"
    n_epochs = split.size.n_shared_epochs or split.size.n_epochs  # of the teachers' patients, where rows share no start
    overrides = {"num_epochs": n_epochs, "student_channels": channels}
    row = Row(f"shared_{name}", "", SUPERVISED_TRAINER, overrides)
    with config_in_place(split, row):
        trainer = make_trainer(split, row, device, row.name)
        began = time.monotonic()
        trainer.run_training()
    content = {"weights": trainer.network.state_dict(), "seconds": time.monotonic() - began, **trainer.costs()}
    with replacing(file) as part:
        torch.save(content, part)


def seed_all(seed: int) -> None:
    """Every generator that trainings draw from."""
    for seed_one in (random.seed, np.random.seed, torch.manual_seed):
        seed_one(seed)
