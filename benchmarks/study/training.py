"""Training of a row: what it needs is made first, what has ended on this machine is read."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.study.counting import generator_costs
from benchmarks.study.pseudo_label_quality import ObservedTraining, summary
from benchmarks.study.results import is_done, settings_of, without_folders
from benchmarks.study.rows import Row
from benchmarks.study.split import CONFIGURATION, FOLD, PLANS, Split
from benchmarks.study.starts import config_in_place, make_trainer, seed_all, start
from nnunetv2_muduo.checkpoints import FINAL
from nnunetv2_muduo.claims import claimed
from nnunetv2_muduo.data.batched_predictor import BatchedPredictor
from nnunetv2_muduo.storage import read_json, write_json
from nnunetv2_muduo.trainers.fault_tolerant import FaultTolerantTrainer
from nnunetv2_muduo.trainers.preparations import Training
from nnunetv2_muduo.trainers.prepare import prepare


@dataclass(frozen=True)
class Trained:
    """A row's trainer, trained, and the entries of its result that are known by then."""

    trainer: Any
    entries: dict


def train(split: Split, row: Row, device: torch.device) -> Trained:
    """Train a row from its start to its end. Others that need it too, as an ensemble, wait for it."""
    lock = split.own_folder / f"{row.name}.lock"
    with config_in_place(split, row), claimed(lock, f"trains {row.name}"):
        prepare_row(split, row, device)
        trainer = make_trainer(split, row, device, "rows", *([ObservedTraining] if row.observed else []))
        trainer.truth_files = split.unlabeled_truth()
        trainer.initialize()
        settings = settings_of(split.group, split.size, row)
        record = Path(trainer.output_folder) / "study.json"
        if is_done(record, split.group, split.size, row):
            trainer.load_checkpoint(str(Path(trainer.output_folder) / FINAL))
            return Trained(trainer, read_json(record))
        entries = {"settings": settings, **_train(trainer, split, row)}
        write_json(entries, record)
        return Trained(trainer, entries)


def _train(trainer, split: Split, row: Row) -> dict:
    """Costs of the training itself and of what came before it, and what else of a result is known by then."""
    before = start(trainer, split, row)
    before = {key: value + before[key] for key, value in generator_costs(trainer).items()}
    seed_all(split.seed_of("rows"))  # whatever was made before, all rows draw the same labeled patches
    began = time.monotonic()
    trainer.run_training()
    seconds = time.monotonic() - began - getattr(trainer, "observing_seconds", 0.0)
    costs = {**trainer.costs(), "seconds": seconds, **{f"{key}_before": value for key, value in before.items()}}
    observed = {"pseudo_labels": summary(trainer.pseudo_label_rows)} if row.observed else {}
    return {
        **{key: round(value, 6) for key, value in costs.items()},
        "config": without_folders(trainer.muduo_config.to_dict()),
        "teachers": getattr(trainer, "teacher_digests", {}),
        "computed_in": str(trainer.autocast_dtype or "nnU-Net's own choice").removeprefix("torch."),
        **observed,
    }


def prepare_row(split: Split, row: Row, device: torch.device) -> None:
    """Make unlabeled cases, generators and maps that a row needs and that are not there."""
    trainer = make_trainer(split, row, device, "generators")
    if not trainer.needs_unlabeled:
        return
    predictor = None
    if device.type == "cpu":
        dtype = FaultTolerantTrainer.autocast_dtype
        predictor = BatchedPredictor(use_mirroring=False, device=device, allow_tqdm=False, autocast_dtype=dtype)
    prepare(Training(split.dataset, CONFIGURATION, str(FOLD), PLANS, row.trainer, device), 1, predictor=predictor)
